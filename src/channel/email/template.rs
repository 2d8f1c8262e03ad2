//! The HTML part. Escaped by askama; tables that take the width there is, light colours inline, dark ones by media query.

use askama::Template;

/// What the template shows. Texts are cleaned and cut, URLs checked; escaping is askama's.
#[derive(Template)]
#[template(
    ext = "html",
    source = r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{{ first }}</title>
<style>
a { color: #0b57d0; }
@media (prefers-color-scheme: dark) {
  .page { background: #15181c !important; }
  .card { background: #1f2328 !important; border-color: #363b42 !important; }
  .ink { color: #e8eaed !important; }
  .soft { color: #a9b0b8 !important; }
  .line { border-color: #363b42 !important; }
  .plain { background: #2b3036 !important; border-color: #4a5058 !important; color: #e8eaed !important; }
  .links a { color: #8ab4f8 !important; }
}
@media (max-width: 480px) {
  .page { padding: 0 !important; }
  .card { border-radius: 0 !important; border-left: 0 !important; border-right: 0 !important; }
  .name { width: 38% !important; }
  .button { display: block !important; margin: 0 0 8px !important; text-align: center !important; }
}
</style>
</head>
<body class="page" style="margin:0;padding:0;background:#f2f4f6">
<div style="display:none;max-height:0;overflow:hidden;opacity:0">{{ preview }}</div>
<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" style="background:#f2f4f6;padding:16px">
<tr><td align="center">
<table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0" style="max-width:640px;background:#ffffff;border:1px solid #d9dde2;border-radius:8px;border-collapse:separate;overflow:hidden;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:15px;line-height:1.45">
<tr><td style="background:{{ colour }};padding:14px 20px;color:#ffffff;font-size:18px;line-height:1.35;font-weight:600;overflow-wrap:break-word;word-wrap:break-word">{{ first }}</td></tr>
{% if !status.is_empty() %}<tr><td class="ink" style="padding:14px 20px 0;color:#1f2328;overflow-wrap:break-word;word-wrap:break-word"><strong>{{ priority }}</strong>{{ status }}</td></tr>
{% endif %}{% for text in paragraphs %}<tr><td class="ink" style="padding:12px 20px 0;color:#1f2328;overflow-wrap:break-word;word-wrap:break-word">{{ text }}</td></tr>
{% endfor %}{% for section in sections %}<tr><td style="padding:14px 20px 0">
{% if !section.title.is_empty() %}<div class="soft" style="color:#59636e;font-size:12px;font-weight:600;letter-spacing:.04em;text-transform:uppercase;padding-bottom:4px">{{ section.title }}</div>
{% endif %}<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse">
{% for row in section.rows %}<tr><td class="name soft line" width="30%" valign="top" style="width:30%;padding:5px 12px 5px 0;border-top:1px solid #e6e9ed;color:#59636e;overflow-wrap:break-word;word-wrap:break-word">{{ row.0 }}</td><td class="ink line" valign="top" style="padding:5px 0;border-top:1px solid #e6e9ed;color:#1f2328;overflow-wrap:break-word;word-wrap:break-word">{{ row.1 }}</td></tr>
{% endfor %}</table>
{% if !section.more.is_empty() %}<div class="soft" style="color:#59636e;font-size:13px;padding-top:4px">{{ section.more }}</div>
{% endif %}</td></tr>
{% endfor %}{% if let Some(chart) = chart %}<tr><td style="padding:14px 20px 0"><img src="{{ chart.0 }}" alt="{{ chart.1 }}" width="400" style="display:block;width:100%;max-width:480px;height:auto;border:0"></td></tr>
{% endif %}{% if !told.is_empty() %}<tr><td class="soft" style="padding:14px 20px 0;color:#59636e;font-size:13px;overflow-wrap:break-word;word-wrap:break-word">{% for text in told %}{{ text }}{% if !loop.last %}<br>{% endif %}{% endfor %}</td></tr>
{% endif %}{% if !links.is_empty() %}<tr><td class="links" style="padding:14px 20px 0;overflow-wrap:break-word;word-wrap:break-word">{% for link in links %}<a href="{{ link.1 }}" style="color:#0b57d0">{{ link.0 }}</a>{% if !loop.last %} &nbsp;·&nbsp; {% endif %}{% endfor %}</td></tr>
{% endif %}{% if !buttons.is_empty() %}<tr><td style="padding:16px 20px 0">{% for button in buttons %}<a class="button{% if !button.2 %} plain{% endif %}" href="{{ button.1 }}" style="display:inline-block;margin:0 8px 8px 0;padding:9px 16px;border-radius:6px;font-weight:600;text-decoration:none;{% if button.2 %}background:#0b57d0;border:1px solid #0b57d0;color:#ffffff{% else %}background:#ffffff;border:1px solid #c4cad1;color:#1f2328{% endif %}">{{ button.0 }}</a>{% endfor %}</td></tr>
{% endif %}{% for section in details %}<tr><td style="padding:14px 20px 0">
{% if !section.title.is_empty() %}<div class="soft" style="color:#59636e;font-size:12px;font-weight:600;letter-spacing:.04em;text-transform:uppercase;padding-bottom:4px">{{ section.title }}</div>
{% endif %}<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse">
{% for row in section.rows %}<tr><td class="name soft line" width="30%" valign="top" style="width:30%;padding:5px 12px 5px 0;border-top:1px solid #e6e9ed;color:#59636e;overflow-wrap:break-word;word-wrap:break-word">{{ row.0 }}</td><td class="ink line" valign="top" style="padding:5px 0;border-top:1px solid #e6e9ed;color:#1f2328;overflow-wrap:break-word;word-wrap:break-word">{{ row.1 }}</td></tr>
{% endfor %}</table>
{% if !section.more.is_empty() %}<div class="soft" style="color:#59636e;font-size:13px;padding-top:4px">{{ section.more }}</div>
{% endif %}</td></tr>
{% endfor %}<tr><td class="soft" style="padding:14px 20px 16px;color:#59636e;font-size:12px;overflow-wrap:break-word;word-wrap:break-word">{{ footer }}</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
"##
)]
pub struct Page {
    /// First line.
    pub first: String,
    /// What a list of mails shows after the subject.
    pub preview: String,
    /// Colour of the title.
    pub colour: &'static str,
    /// Priority, printed bold.
    pub priority: String,
    /// What follows it, with its separator.
    pub status: String,
    /// Paragraphs of text.
    pub paragraphs: Vec<String>,
    /// Address and words of the chart.
    pub chart: Option<(String, String)>,
    /// Tables of facts.
    pub sections: Vec<Section>,
    /// The sender's context, last of all; none or one.
    pub details: Vec<Section>,
    /// Why and who else.
    pub told: Vec<String>,
    /// Title and URL.
    pub links: Vec<(String, String)>,
    /// Label, URL, and whether it stands out.
    pub buttons: Vec<(&'static str, String, bool)>,
    /// Small print.
    pub footer: String,
}

/// A table of facts.
pub struct Section {
    /// Heading; empty for none.
    pub title: &'static str,
    /// Name and value.
    pub rows: Vec<(String, String)>,
    /// `and 3 more`, or empty.
    pub more: String,
}
