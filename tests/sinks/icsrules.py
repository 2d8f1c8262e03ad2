"""Judges a calendar that is read from standard input: by two independent parsers, and by what neither of them notices.

Prints JSON: problems, and the events as each parser reads them (start, end, summary, uid, sorted by start)."""

import json
import re
import sys

import icalendar
import ics

data = sys.stdin.buffer.read()
problems = []


def utc(value):
    return value.astimezone(__import__("datetime").timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


# What both are lax about (RFC 5545, sections 3.1, 3.3.11, 3.6.5).
if re.search(rb"(?<!\r)\n|\r(?!\n)", data):
    problems.append("a line does not end with CRLF")
for number, line in enumerate(data.split(b"\r\n"), 1):
    if len(line) > 75:
        problems.append(f"line {number} has {len(line)} octets")
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        problems.append(f"line {number} breaks a character")
text = data.decode("utf-8").replace("\r\n ", "")
zones = set(re.findall(r"^TZID:(.*)$", text.replace("\r\n", "\n"), re.M))
for line in text.split("\r\n"):
    name, _, value = line.partition(":")
    if name.split(";")[0] in ("SUMMARY", "DESCRIPTION", "NAME", "X-WR-CALNAME", "LOCATION"):
        if re.search(r"(?<!\\)(?:\\\\)*[,;]", value) or re.search(r"(?<!\\)(?:\\\\)*\\[^\\;,nN]", value):
            problems.append(f"not escaped: {line}")
    for zone in re.findall(r"TZID=([^;:]*)", name):
        if zone not in zones:
            problems.append(f"{zone} is not described")

calendar = icalendar.Calendar.from_ical(data)
for needed in ("PRODID", "VERSION"):
    if needed not in calendar:
        problems.append(f"{needed} is missing")
if not calendar.subcomponents:
    problems.append("there is no component")
first = []
for event in calendar.walk("VEVENT"):
    problems.extend(f"icalendar: {error}" for error in event.errors)
    problems.extend(f"icalendar: {needed} is missing" for needed in event.required if needed not in event)
    if "SEQUENCE" not in event:
        problems.append("SEQUENCE is missing")
    first.append([utc(event["DTSTART"].dt), utc(event["DTEND"].dt), str(event["SUMMARY"]), str(event["UID"])])
uids = [event[3] for event in first]
if len(set(uids)) != len(uids):
    problems.append("a UID comes twice")

second = []
for event in ics.Calendar(data.decode("utf-8")).events:
    second.append([utc(event.begin.datetime), utc(event.end.datetime), event.name, event.uid])

print(json.dumps({"problems": problems, "icalendar": sorted(first), "ics": sorted(second)}))
