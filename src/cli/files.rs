//! How many files the process may have open. The soft limit of most systems is 1,024, which a crowd of connections would use up, and then
//! the journal could not open its next segment.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one, and gives what is allowed now.
pub fn raise() -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(error = %error, "the number of open files could not be raised");
    }
    // Without a limit there is no number.
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
}
