"""Stand-ins for the services of rules/channels: what each documents, as checks, and answers of the shape that it gives.

`/n/SERVICE/...` on the HTTP listeners. Each handler takes (state, method, path, query, headers, raw) and gives (status, body, problems, shown).
The limits are those of the pages named in rules/channels/*.toml. Tokens and keys are fixed: see SECRETS.
"""
from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import urllib.parse
from xml.etree import ElementTree

from jsonschema import Draft202012Validator

SECRETS = {"ntfy": "tk_sinkssecret", "telegram": "123456:sinks-bot-secret", "matrix": "syt_sinks_secret", "twilio": "sinks-twilio-secret",
           "pushover": "asinkssecretsinkssecretsinkss3", "pagerduty": "R0SINKSSECRETR0SINKSSECRETR0SINK", "opsgenie": "sinks-genie-secret",
           "jira": "sinks-jira-secret", "azure": "sinks-azure-secret"}
ACCOUNT = "AC00000000000000000000000000000000"


def text(most, least=1, **more):
    return {"type": "string", "maxLength": most, "minLength": least, **more}


def obj(required, optional=None, **more):
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required), "additionalProperties": False, **more}


URL = text(2048, pattern="^https?://")
ADF_TEXT = obj({"type": {"const": "text"}, "text": text(30000)}, {"marks": {"type": "array", "items": obj(
    {"type": {"const": "link"}, "attrs": obj({"href": URL})})}})
ADF = obj({"type": {"const": "doc"}, "version": {"const": 1}, "content": {"type": "array", "minItems": 1, "items": obj(
    {"type": {"const": "paragraph"}, "content": {"type": "array", "minItems": 1, "items": ADF_TEXT}})}})
EMBED = obj({"title": text(256), "description": text(4096), "color": {"type": "integer", "minimum": 0, "maximum": 0xffffff}}, {"url": URL})
TG_BUTTON = obj({"text": text(64), "url": URL})
TG_COMMON = {"chat_id": text(64, pattern=r"^(-?[0-9]+|@[A-Za-z0-9_]{5,32})$"), "text": text(4096),
             "link_preview_options": obj({"is_disabled": {"type": "boolean"}})}
TG_KEYBOARD = {"reply_markup": obj({"inline_keyboard": {"type": "array", "items": {"type": "array", "minItems": 1, "items": TG_BUTTON}}})}
PATCH = {"type": "array", "minItems": 1, "items": obj({"op": {"enum": ["add"]}, "path": text(200, pattern="^/"), "value": {}})}

SCHEMAS = {
    "ntfy": obj({"topic": text(64, pattern="^[-_A-Za-z0-9]{1,64}$"), "title": text(1024), "message": text(4096),
                 "priority": {"type": "integer", "minimum": 1, "maximum": 5}},
                {"click": URL, "sequence_id": text(64, pattern="^[-_A-Za-z0-9]{1,64}$"), "actions": {
                    "type": "array", "minItems": 1, "maxItems": 3, "items": {"oneOf": [
                        obj({"action": {"const": "view"}, "label": text(64), "url": URL}, {"clear": {"type": "boolean"}}),
                        obj({"action": {"const": "http"}, "label": text(64), "url": URL},
                            {"method": {"enum": ["POST", "PUT", "GET"]}, "headers": {"type": "object"}, "body": text(4096), "clear": {"type": "boolean"}})]}}}),
    "telegram.sendMessage": obj(TG_COMMON, {**TG_KEYBOARD, "disable_notification": {"type": "boolean"},
                                            "reply_parameters": obj({"message_id": {"type": "integer"}, "allow_sending_without_reply": {"type": "boolean"}})}),
    "telegram.editMessageText": obj({**TG_COMMON, "message_id": {"type": "integer"}}, TG_KEYBOARD),
    "mattermost": obj({"text": text(16383)}),
    "discord": obj({"content": text(2000), "allowed_mentions": obj({"parse": {"type": "array", "maxItems": 0}})},
                   {"embeds": {"type": "array", "maxItems": 10, "items": EMBED}}),
    "google-chat": obj({"text": text(32000), "thread": obj({"threadKey": text(4000)})}),
    "matrix": obj({"msgtype": {"const": "m.text"}, "body": text(60000), "m.mentions": obj({})},
                  {"m.new_content": obj({"msgtype": {"const": "m.text"}, "body": text(60000), "m.mentions": obj({})}),
                   "m.relates_to": obj({"rel_type": {"const": "m.replace"}, "event_id": text(255, pattern=r"^\$")})}),
    "pagerduty": {"oneOf": [
        obj({"routing_key": text(32, 32), "event_action": {"enum": ["acknowledge", "resolve"]}, "dedup_key": text(255)}),
        obj({"routing_key": text(32, 32), "event_action": {"const": "trigger"}, "payload": obj(
            {"summary": text(1024), "source": text(255), "severity": {"enum": ["critical", "error", "warning", "info"]}},
            {"timestamp": text(40, pattern=r"^\d{4}-\d\d-\d\dT"), "component": text(255), "group": text(255), "class": text(255), "custom_details": {"type": "object"}})},
            {"dedup_key": text(255), "client": text(255), "client_url": URL,
             "links": {"type": "array", "items": obj({"href": URL}, {"text": text(1024)})}})]},
    "opsgenie": obj({"message": text(130)}, {"alias": text(512), "description": text(15000), "source": text(100), "entity": text(512, 0),
                                              "priority": {"enum": ["P1", "P2", "P3", "P4", "P5"]}, "tags": {"type": "array", "maxItems": 20, "items": text(50)}}),
    "opsgenie.act": obj({"source": text(100), "note": text(25000)}, {"user": text(100)}),
    "jira.issue": obj({"fields": obj({"project": obj({"key": text(10, pattern="^[A-Z][A-Z0-9]+$")}), "issuetype": obj({"name": text(60)}),
                                      "summary": text(255, pattern=r"^[^\n\r]+$"), "labels": {"type": "array", "items": text(255, pattern=r"^\S+$")},
                                      "description": ADF})}),
    "jira.comment": obj({"body": ADF}),
    "jira.transition": obj({"transition": obj({"id": text(12, pattern="^[0-9]+$")})}),
    "jira.search": obj({"jql": text(1000), "fields": {"type": "array", "items": text(60)}, "maxResults": {"type": "integer"}}),
    "azure.wiql": obj({"query": text(32000)}),
    "azure.patch": PATCH,
}
CHECKERS = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items()}


def against(name, body):
    return [f"{name}: {'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in CHECKERS[name].iter_errors(body)]


def units(s):
    return len(s.encode("utf-16-le")) // 2


class Services:
    """What the services keep: messages, issues, calls."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.number = 40
        self.kept = {}          # (service, id) -> what it holds
        self.calls = []

    def next(self):
        self.number += 1
        return self.number

    def view(self):
        return {"kept": [{"service": s, "id": i, **(v if isinstance(v, dict) else {"value": v})} for (s, i), v in self.kept.items()], "calls": self.calls}

    def handle(self, service, method, path, query, headers, raw):
        """-> status, answer, problems, and what was understood of the body."""
        kind = headers.get("content-type", "").split(";")[0]
        body = None
        problems = []
        if kind == "application/x-www-form-urlencoded":
            body = dict(urllib.parse.parse_qsl(raw.decode(), keep_blank_values=True))
        elif raw:
            try:
                body = json.loads(raw)
            except ValueError:
                return 400, {"error": "not JSON"}, ["not JSON"], raw.decode("utf-8", "replace")
            if kind not in ("application/json", "application/json-patch+json"):
                problems.append(f"content type {kind!r}")
        status, answer, more = getattr(self, service.replace("-", "_"))(method, path, query, headers, body)
        return status, answer, problems + more, body

    @staticmethod
    def basic(headers):
        scheme, _, rest = headers.get("authorization", "").partition(" ")
        return base64.b64decode(rest).decode() if scheme == "Basic" else None

    # -- pushes and chats

    def ntfy(self, method, path, query, headers, body):
        if headers.get("authorization") not in (None, "Bearer " + SECRETS["ntfy"]):
            return 401, {"code": 40101, "http": 401, "error": "unauthorized"}, ["wrong token"]
        problems = against("ntfy", body)
        if len(body.get("message", "").encode()) > 4096 or len(body.get("title", "").encode()) > 1024:
            problems.append("longer than ntfy takes, in bytes")
        if method != "POST" or path != "/":
            problems.append(f"{method} {path}")
        i = f"m{self.next()}"
        first = body.get("sequence_id")
        if first and ("ntfy", first) not in self.kept:
            problems.append("an update of what is not there")
        self.kept["ntfy", first or i] = body
        return (400, {"code": 40000, "http": 400, "error": problems[0]}, problems) if problems else \
            (200, {"id": i, "time": 1, "event": "message", "topic": body["topic"], "message": body["message"]}, [])

    def telegram(self, method, path, query, headers, body):
        token, _, call = path.removeprefix("/bot").partition("/")
        if urllib.parse.unquote(token) != SECRETS["telegram"]:
            return 404, {"ok": False, "error_code": 404, "description": "Not Found"}, ["wrong token"]
        problems = against("telegram." + call, body) if "telegram." + call in CHECKERS else [f"no method {call}"]
        if not problems and units(body["text"]) > 4096:
            problems.append("longer than 4096 UTF-16 units")
        if body and body.get("chat_id") == "-404":
            return 400, {"ok": False, "error_code": 400, "description": "Bad Request: chat not found"}, []
        if problems:
            return 400, {"ok": False, "error_code": 400, "description": "Bad Request"}, problems
        if call == "editMessageText":
            if ("telegram", str(body["message_id"])) not in self.kept:
                return 400, {"ok": False, "error_code": 400, "description": "Bad Request: message to edit not found"}, ["an edit of what is not there"]
            i = body["message_id"]
        else:
            i = self.next()
        self.kept["telegram", str(i)] = body
        return 200, {"ok": True, "result": {"message_id": i, "chat": {"id": body["chat_id"]}}}, []

    def mattermost(self, method, path, query, headers, body):
        problems = against("mattermost", body)
        if re.search(r"@(all|channel|here)\b", body.get("text", "")):
            problems.append("mentions everybody")
        return (400, {"id": "api.incoming_webhook", "message": problems[0], "status_code": 400}, problems) if problems else (200, "ok", [])

    def discord(self, method, path, query, headers, body):
        problems = against("discord", body)
        if sum(len(e.get("title", "")) + len(e.get("description", "")) for e in body.get("embeds", [])) > 6000:
            problems.append("embeds of more than 6000 characters")
        edit = re.fullmatch(r"/[0-9]+/[^/]+/messages/([0-9]+)", path)
        if method == "PATCH":
            i = edit and edit[1]
            if ("discord", i) not in self.kept:
                problems.append("an edit of what is not there")
        else:
            i = str(self.next())
            if query.get("wait") != "true" or not re.fullmatch(r"/[0-9]+/[^/]+", path):
                problems.append(f"{method} {path} {query}")
        self.kept["discord", i] = body
        return (400, {"message": "Invalid Form Body", "code": 50035}, problems) if problems else (200, {"id": i, "content": body["content"]}, [])

    def google_chat(self, method, path, query, headers, body):
        problems = against("google-chat", body)
        if query.get("key") != "k" or query.get("token") != "sinks-chat-secret":
            return 401, {"error": {"code": 401, "status": "UNAUTHENTICATED"}}, ["wrong key"]
        if len(json.dumps(body, ensure_ascii=False).encode()) > 32000:
            problems.append("more than 32,000 bytes")
        if "<users/all>" in body.get("text", ""):
            problems.append("mentions everybody")
        request = query.get("requestId")
        known = [i for (s, i), v in self.kept.items() if s == "google-chat" and v.get("request") == request]
        i = known[0] if known else f"spaces/AAA/messages/{self.next()}"
        self.kept["google-chat", i] = {**body, "request": request}
        return (400, {"error": {"code": 400, "status": "INVALID_ARGUMENT"}}, problems) if problems else \
            (200, {"name": i, "thread": {"name": "spaces/AAA/threads/" + body["thread"]["threadKey"]}}, [])

    def matrix(self, method, path, query, headers, body):
        if headers.get("authorization") != "Bearer " + SECRETS["matrix"]:
            return 401, {"errcode": "M_UNKNOWN_TOKEN", "error": "Unrecognised access token"}, ["wrong token"]
        found = re.fullmatch(r"/_matrix/client/v3/rooms/([^/]+)/send/m\.room\.message/([^/]+)", path)
        if method != "PUT" or not found or not urllib.parse.unquote(found[1]).startswith("!"):
            return 404, {"errcode": "M_UNRECOGNIZED", "error": "no"}, [f"{method} {path}"]
        problems = against("matrix", body)
        i = "$e" + found[2]             # the same transaction is the same event
        self.kept["matrix", i] = body
        return (400, {"errcode": "M_BAD_JSON", "error": "bad"}, problems) if problems else (200, {"event_id": i}, [])

    # -- telephones

    def twilio(self, method, path, query, headers, body):
        if self.basic(headers) != f"{ACCOUNT}:{SECRETS['twilio']}":
            return 401, {"code": 20003, "message": "Authenticate", "status": 401}, ["wrong login"]
        kind = path.removeprefix(f"/2010-04-01/Accounts/{ACCOUNT}/")
        known = {"Messages.json": ({"To", "Body"}, {"From", "MessagingServiceSid"}), "Calls.json": ({"To", "From"}, {"Url", "Method", "Twiml", "Timeout"})}
        if kind not in known:
            return 404, {"code": 20404, "message": "not found", "status": 404}, [path]
        must, may = known[kind]
        problems = [f"{kind}: lacks {k}" for k in must - body.keys()] + [f"{kind}: unknown {k}" for k in body.keys() - must - may]
        if not re.fullmatch(r"\+[1-9][0-9]{6,14}", body.get("To", "")):
            return 400, {"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400}, ["To"]
        if kind == "Messages.json" and (len(body["Body"]) > 1600 or not (body.keys() & {"From", "MessagingServiceSid"})):
            problems.append("Body or sender")
        if kind == "Calls.json":
            if len(body.keys() & {"Url", "Twiml"}) != 1:
                problems.append("one of Url and Twiml")
            if "Twiml" in body:
                problems += twiml(body["Twiml"])
        if problems:
            return 400, {"code": 21201, "message": problems[0], "status": 400}, problems
        sid = ("SM" if kind == "Messages.json" else "CA") + f"{self.next():032x}"
        if kind == "Calls.json":
            self.calls.append({"sid": sid, **body})
        return 201, {"sid": sid, "status": "queued", "error_code": None}, []

    def pushover(self, method, path, query, headers, body):
        problems = [] if body.get("token") == SECRETS["pushover"] else ["wrong token"]
        if path == "/1/messages.json":
            limits = {"message": 1024, "title": 250, "url": 512, "url_title": 100}
            problems += [f"{k} is longer than {n}" for k, n in limits.items() if len(body.get(k, "")) > n]
            problems += [f"unknown {k}" for k in body.keys() - limits.keys() - {"token", "user", "priority", "retry", "expire"}]
            emergency = body.get("priority") == "2"
            if not body.get("message") or not re.fullmatch("[A-Za-z0-9]{30}", body.get("user", "")) or body.get("priority") not in ("-2", "-1", "0", "1", "2"):
                problems.append("message, user or priority")
            if emergency and not (int(body.get("retry", 0)) >= 30 and 0 < int(body.get("expire", 0)) <= 10800):
                problems.append("an emergency needs retry and expire")
            receipt = {"receipt": f"r{self.next()}"} if emergency else {}
            if receipt and not problems:
                self.kept["pushover", receipt["receipt"]] = {"ringing": True}
            answer = {"status": 1, "request": "x", **receipt}
        else:
            found = re.fullmatch(r"/1/receipts/([^/]+)/cancel\.json", path)
            if not found or ("pushover", found[1]) not in self.kept:
                problems.append(path)
            else:
                self.kept["pushover", found[1]] = {"ringing": False}
            answer = {"status": 1, "request": "x"}
        return (400, {"status": 0, "errors": problems}, problems) if problems else (200, answer, [])

    # -- others that page

    def pagerduty(self, method, path, query, headers, body):
        problems = against("pagerduty", body) + ([] if path == "/v2/enqueue" else [path])
        if body.get("routing_key") != SECRETS["pagerduty"]:
            problems.append("wrong key")
        if problems:
            return 400, {"status": "invalid event", "message": "Event object is invalid", "errors": problems}, problems
        self.kept.setdefault(("pagerduty", body["dedup_key"]), {"actions": []})["actions"].append(body["event_action"])
        return 202, {"status": "success", "message": "Event processed", "dedup_key": body["dedup_key"]}, []

    def opsgenie(self, method, path, query, headers, body):
        if headers.get("authorization") != "GenieKey " + SECRETS["opsgenie"]:
            return 403, {"message": "Key is not valid", "took": 0.1, "requestId": "r"}, ["wrong key"]
        act = re.fullmatch(r"/v2/alerts/([^/]+)/(acknowledge|unacknowledge|close)", path)
        if act and query.get("identifierType") == "alias":
            alias, what, problems = urllib.parse.unquote(act[1]), act[2], against("opsgenie.act", body)
        elif path == "/v2/alerts":
            alias, what, problems = body.get("alias"), "create", against("opsgenie", body)
        else:
            return 404, {"message": "no", "took": 0.1, "requestId": "r"}, [path]
        if problems:
            return 422, {"message": "Request body is not processable", "took": 0.1, "requestId": "r"}, problems
        self.kept.setdefault(("opsgenie", alias), {"actions": []})["actions"].append(what)
        return 202, {"result": "Request will be processed", "took": 0.1, "requestId": f"r{self.next()}"}, []

    # -- work items

    def jira(self, method, path, query, headers, body):
        if self.basic(headers) != "callout@acme.example:" + SECRETS["jira"]:
            return 401, {"errorMessages": ["Client must be authenticated"]}, ["wrong login"]
        if path == "/rest/api/3/search/jql":
            problems = against("jira.search", body)
            label = re.fullmatch(r'labels = "([^"]+)"', body.get("jql", ""))
            if not label:
                problems.append("JQL " + body.get("jql", ""))
            found = [i for (s, i), v in self.kept.items() if s == "jira" and label and label[1] in v["labels"]]
            return 200, {"issues": [{"id": "1", "key": k} for k in found][:1], "isLast": True}, problems
        if path == "/rest/api/3/issue":
            problems = against("jira.issue", body)
            if problems:
                return 400, {"errorMessages": [], "errors": {"x": problems[0]}}, problems
            i = f"{body['fields']['project']['key']}-{self.next()}"
            self.kept["jira", i] = {"labels": body["fields"]["labels"], "summary": body["fields"]["summary"], "transitions": [], "comments": []}
            return 201, {"id": "10", "key": i, "self": "x"}, []
        part = re.fullmatch(r"/rest/api/3/issue/([^/]+)/(comment|transitions)", path)
        if not part or ("jira", part[1]) not in self.kept:
            return 404, {"errorMessages": ["Issue does not exist"]}, [path]
        issue = self.kept["jira", part[1]]
        if part[2] == "comment":
            problems = against("jira.comment", body)
            issue["comments"].append(body["body"]["content"][0]["content"][0]["text"])
            return 201, {"id": "5"}, problems
        problems = against("jira.transition", body)
        issue["transitions"].append(body["transition"]["id"])
        return 204, None, problems

    def azure(self, method, path, query, headers, body):
        if self.basic(headers) != ":" + SECRETS["azure"]:
            return 203, "<html>Sign In</html>", ["wrong login"]
        path = urllib.parse.unquote(path).removeprefix("/acme/shop")
        if query.get("api-version") != "7.1":
            return 400, {"message": "no version"}, ["api-version"]
        if path == "/_apis/wit/wiql":
            tag = re.search(r"\[System\.Tags\] CONTAINS '([^']+)'", body.get("query", ""))
            found = [int(i) for (s, i), v in self.kept.items() if s == "azure" and tag and tag[1] in v["System.Tags"]]
            return 200, {"workItems": [{"id": i, "url": "x"} for i in found][:1]}, against("azure.wiql", body) + ([] if tag else ["no tag asked for"])
        if headers.get("content-type") != "application/json-patch+json":
            return 415, {"message": "type"}, ["content type"]
        problems = against("azure.patch", body)
        fields = {o["path"].removeprefix("/fields/"): o["value"] for o in body if o["path"].startswith("/fields/")}
        if re.search(r"<(?!/?(pre|a)\b)", fields.get("System.Description", "") + fields.get("System.History", "")):
            problems.append("foreign HTML")
        if re.fullmatch(r"/_apis/wit/workitems/\$[^/]+", path) and method == "POST":
            if len(fields.get("System.Title", "")) not in range(1, 256):
                problems.append("title")
            i = self.next()
            self.kept["azure", str(i)] = {**fields, "history": [], "states": []}
            return 200, {"id": i, "rev": 1, "fields": fields}, problems
        item = re.fullmatch(r"/_apis/wit/workitems/([0-9]+)", path)
        if method != "PATCH" or not item or ("azure", item[1]) not in self.kept:
            return 404, {"message": "no such work item"}, [f"{method} {path}"]
        kept = self.kept["azure", item[1]]
        state = fields.get("System.State")
        if state and state not in ("To Do", "Doing", "Done"):
            return 400, {"typeKey": "RuleValidationException", "message": "no such state"}, problems
        kept["states"] += [state] if state else []
        kept["history"] += [fields["System.History"]] if "System.History" in fields else []
        return 200, {"id": int(item[1]), "rev": 2}, problems


def twiml(document):
    """What is wrong with a document of TwiML: the verbs and attributes that we use, as twilio.com/docs/voice/twiml has them."""
    allowed = {"Response": set(), "Say": {"voice", "language", "loop"}, "Pause": {"length"}, "Hangup": set(),
               "Gather": {"input", "numDigits", "timeout", "method", "action", "finishOnKey"}}
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError as e:
        return [f"no XML: {e}"]
    problems = [] if root.tag == "Response" else [f"root {root.tag}"]
    for element in root.iter():
        if element.tag not in allowed:
            problems.append(f"unknown verb {element.tag}")
        else:
            problems += [f"{element.tag} has no {a}" for a in element.attrib.keys() - allowed[element.tag]]
        if element.tag == "Say" and not (0 < len(element.text or "") <= 4096):
            problems.append("nothing, or too much, to say")
    return problems


def twilio_signature(secret, url, fields):
    joined = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(secret.encode(), joined.encode(), hashlib.sha1).digest()).decode()
