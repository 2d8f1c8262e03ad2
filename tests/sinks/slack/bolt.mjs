// A receiver by Slack's own framework: what it accepts and refuses is what callout should.
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(path.join(process.env.NODE_MODULES, 'x.js'));
const { App, HTTPReceiver, LogLevel } = require('@slack/bolt');

const receiver = new HTTPReceiver({ signingSecret: process.argv[2], logLevel: LogLevel.ERROR, endpoints: ['/'] });
// Nobody is asked who the bot is: there is no Slack behind it.
const authorize = async () => ({ botToken: 'xoxb-x', botId: 'B0BOT', botUserId: 'U0BOT' });
const app = new App({ receiver, authorize, logLevel: LogLevel.ERROR });
app.action(/.*/, async ({ ack }) => ack());
app.command('/callout', async ({ ack }) => ack());
app.view(/.*/, async ({ ack }) => ack());
app.shortcut(/.*/, async ({ ack }) => ack());
const server = await app.start({ port: 0, host: '127.0.0.1' });
console.log(server.address().port);
process.stdin.resume().on('end', () => process.exit(0));
