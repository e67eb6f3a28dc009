"""The demonstration's people, signed in at a server: what the generated cases and the generated clients call with."""

import base64
import contextlib
import hashlib
import hmac
import json
import re
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "local" / "demo-directory.json"
DIRECTORY = json.loads(DEMO.read_text())


def user(login):
    return next(one for one in DIRECTORY["users"] if one["login"] == login)


def code(login):
    """The code that a phone shows now (RFC 6238); `NA` for who has none."""
    secret = user(login).get("totp_secret")
    if secret is None:
        return "NA"
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1)
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset:offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


class Server:
    """A server, and sessions there that are renewed before they end."""

    def __init__(self, url):
        self.url = url.rstrip("/")
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.kept = {}

    def post(self, path, body, bearer=None, method="POST"):
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        data = None if body is None else body.encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with self.opener.open(request, timeout=30) as answer:
            return json.loads(answer.read())

    def fresh(self, name, seconds, get):
        """What was got at most so many seconds ago, or is got now."""
        value, until = self.kept.get(name, (None, 0))
        if time.monotonic() >= until:
            value = get(value)
            self.kept[name] = (value, time.monotonic() + seconds)
        return value

    def sdm_login(self, login):
        body = json.dumps({"userName": login, "password": user(login)["password"]})
        return self.post("/rest/v1.3/admin/login", body)["sessionId"]

    def sdm_session(self, login):
        return self.fresh(f"sdm {login}", 600, lambda _: self.sdm_login(login))

    def machine_token(self, login):
        body = json.dumps({"UserLogin": login, "ApiKey": user(login)["api_key"]})
        # It lives for 20 seconds, and serves a hundred requests.
        return self.fresh(f"machine {login}", 3, lambda _: self.post("/login", body)["Token"])

    def first_factor(self, login):
        body = json.dumps({"Login": login, "Password": user(login)["password"]})
        return self.fresh(f"first {login}", 240, lambda _: self.post("/signinBody", body))

    def person_token(self, login):
        """A code is good for one sign-in, so a token is renewed by itself where there is one."""
        def get(old):
            if old:
                return self.post("/api/v1/UserToken", None, old, "GET")
            try:
                return self.post("/signin2fa", code(login), self.first_factor(login))
            except urllib.error.HTTPError:
                # Someone has signed in with this very code: the next one comes within 30 seconds.
                time.sleep(30.5 - time.time() % 30)
                return self.post("/signin2fa", code(login), self.first_factor(login))
        return self.fresh(f"person {login}", 300, get)


@contextlib.contextmanager
def local_server():
    """The address of a local server with the demonstration's people, as new."""
    build = ("cargo", "build", "--quiet", "--locked", "--workspace", "--bin", "holdfast-local", "--message-format",
             "json-render-diagnostics")
    built = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = map(json.loads, built.splitlines())
    binary = next(m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "holdfast-local")
    server = subprocess.Popen((binary, "--port", "0"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        for line in server.stdout:
            if found := re.match(r"listening on (http://\S+)", line):
                # What it logs has to go somewhere, or it waits for room.
                threading.Thread(target=server.stdout.read, daemon=True).start()
                yield found[1]
                return
        raise SystemExit("the local server does not start")
    finally:
        server.terminate()
        server.wait(20)
