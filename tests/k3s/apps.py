#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""apps.py STATE PORT EXTERNAL K3S OUT [ADDRESS:PORT=ADDRESS:PORT...]: what runs in the applications' pods, for the API server
with its state in STATE (apiserver.sh, started with PODS_PROXY=http://127.0.0.1:PORT).

It asks the API which pods run, and for those it is:

Prometheus   the real one of this machine, configured by what ScrapeConfigs and PrometheusRules there are, as the operator
             does; its data, which is on the share in truth, is kept in OUT. OUT/prometheus.url says where it listens
Grafana      as far as logins and its password go
Alertmanager that it is there
Rancher      its API's login, and what it makes in the cluster when it starts
Traefik      at EXTERNAL:443, and the addresses of ingresses
the kubelets as far as logs of pods go

and what leads there: PORT is a proxy to pods, and to what ADDRESS:PORT=ADDRESS:PORT says (the exporters of nodes);
NodePorts are at EXTERNAL, and at 127.0.0.1 for nodes to forward to. K3S is the port of EXTERNAL at which K3s is, which has an
authority of its own: in truth it is that of the API server."""
import base64
import http.client
import http.server
import json
import pathlib
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "monitoring"))
from api_client import Api  # noqa: E402
from operator_lib import scrape_config  # noqa: E402
from page import Page  # noqa: E402

PROXY, EXTERNAL, K3S, OUT = int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), pathlib.Path(sys.argv[5])
API = Api(sys.argv[1])
CATTLE = "/apis/management.cattle.io/v3"


def endpoint(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


FORWARDED = {endpoint(a): endpoint(b) for a, b in (one.split("=") for one in sys.argv[6:])}


def secret(namespace, name, key):
    data = API.ask("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")[1].get("data", {})
    return base64.b64decode(data.get(key, "")).decode()


def authority():
    """What the ConfigMap kube-root-ca.crt holds in every namespace."""
    k3s = http.client.HTTPSConnection(EXTERNAL, K3S, context=ssl._create_unverified_context(), timeout=20)
    k3s.request("GET", "/cacerts")
    return k3s.getresponse().read().decode()


# ---- the network

def listen(address, port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    s.listen(64)
    return s


def serve(listener, handle):
    """handle(connection) in a thread for each; ends when the listener is closed."""
    def one(connection):
        try:
            handle(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def all_of_them():
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=all_of_them, daemon=True).start()


def join(a, b):
    """Passes bytes on both ways, until one side ends."""
    while True:
        for s in select.select([a, b], [], [])[0]:
            data = s.recv(65536)
            if not data:
                return
            (b if s is a else a).sendall(data)


def pass_on(connection, to, first=b""):
    with socket.create_connection(to, 10) as up:
        up.settimeout(None)
        up.sendall(first)
        join(connection, up)


def proxy(connection):
    """One request: a client that keeps its connection would send the next one elsewhere by it."""
    head = b""
    while b"\r\n\r\n" not in head:
        some = connection.recv(65536)
        if not some:
            return
        head += some
    head, _, rest = head.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    method, target, version = line.split(" ")
    url = re.match(r"http://([^/:]+):?(\d*)(.*)$", target)
    asked = endpoint(target) if method == "CONNECT" else (url[1], int(url[2] or 80))
    # without TLS the API server asks for its own name, and whom it means stands here
    means = re.search(r"(?im)^X-Forwarded-Uri: /api/v1/namespaces/([^/]+)/(services|pods)/(?:https?:)?([^/:]+)", "\n".join(fields))
    to = Pods.called(*means.groups()) if means else FORWARDED.get(asked) or Pods.where(*asked)
    if asked[1] == 10250 and not means:
        to = kubelet
    if not to:
        connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    elif method == "CONNECT":
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        pass_on(connection, to, rest)
    else:
        fields = [f for f in fields if not re.match(r"(?i)(proxy-)?connection:", f)]
        head = "\r\n".join([f"{method} {url[3] or '/'} {version}", *fields, "Connection: close"])
        pass_on(connection, to, head.encode("latin-1") + b"\r\n\r\n" + rest)


def pages(handler, context=None, at=("127.0.0.1", 0)):
    """The address at which the handler's pages are."""
    server = http.server.ThreadingHTTPServer(at, handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address


# ---- the applications: update(pods) each second, with the pods of theirs that run

class Prometheus:
    labels = ("app.kubernetes.io/name", "prometheus")
    process = None

    def __init__(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        (OUT / "prometheus.url").write_text(f"http://127.0.0.1:{self.port}\n")

    def write(self, name, value):
        """Whether the file is another one now."""
        file, text = OUT / name, value if isinstance(value, str) else yaml.safe_dump(value)
        if file.exists() and file.read_text() == text:
            return False
        file.write_text(text)
        return True

    def discover(self):
        """What its discovery of nodes finds: Debian's is built without the one that asks the API."""
        found = []
        for node in API.items("/api/v1/nodes"):
            port = node["status"].get("daemonEndpoints", {}).get("kubeletEndpoint", {}).get("Port", 0)
            found += [{"targets": [f"{a['address']}:{port}"], "labels": {"__meta_kubernetes_node_name": node["metadata"]["name"]}}
                      for a in node["status"].get("addresses", []) if a["type"] == "InternalIP"]
        self.write("nodes.json", json.dumps(found))

    def configured(self):
        """Whether its configuration is another one now."""
        of = "/apis/monitoring.coreos.com"
        itself = {"job_name": "monitoring-kube-prometheus-prometheus", "static_configs": [{"targets": [f"127.0.0.1:{self.port}"]}]}
        scrapes, changed = [itself], False
        for o in API.items(f"{of}/v1alpha1/scrapeconfigs"):
            namespace = o["metadata"]["namespace"]
            if "scheme" in o["spec"] and not (OUT / "authority.crt").exists():
                self.write("authority.crt", authority())
            one = scrape_config(f"{namespace}/{o['metadata']['name']}", o["spec"], str(OUT / "authority.crt"))
            one["file_sd_configs"] = [{"files": [str(OUT / "nodes.json")]}]
            one["proxy_url"] = f"http://127.0.0.1:{PROXY}"
            scrapes.append(one)
        groups = [g for o in API.items(f"{of}/v1/prometheusrules") for g in o["spec"].get("groups", [])]
        interval = [o["spec"].get("scrapeInterval") for o in API.items(f"{of}/v1/prometheuses")]
        changed |= self.write("rules.yml", {"groups": groups})
        return changed | self.write("prometheus.yml", {
            "global": {"scrape_interval": (interval and interval[0]) or "30s", "evaluation_interval": "5s"},
            "rule_files": [str(OUT / "rules.yml")], "scrape_configs": scrapes,
        })

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def update(self, pods):
        if not pods:
            self.stop()
            return
        self.discover()
        changed = self.configured()
        if self.process and self.process.poll() is not None:
            print("prometheus ended with status", self.process.returncode, flush=True)
            self.process = None
        if not self.process:
            self.process = subprocess.Popen(
                ["prometheus", "--config.file", str(OUT / "prometheus.yml"), "--storage.tsdb.path", str(OUT / "tsdb"),
                 "--web.listen-address", f"127.0.0.1:{self.port}", "--log.level", "warn"], stdin=subprocess.DEVNULL)
        elif changed:
            self.process.send_signal(signal.SIGHUP)


class Alertmanager(Page):
    labels = ("app.kubernetes.io/name", "alertmanager")

    def do_GET(self):
        self.tell(200 if self.path == "/-/ready" else 404, "OK")

    @classmethod
    def update(cls, pods):
        pass


class Grafana(Page):
    labels = ("app.kubernetes.io/name", "grafana")
    kept = OUT / "grafana.password"  # it is in its database, which stays when its pod goes

    def do_GET(self):
        login = base64.b64encode(b"admin:" + self.kept.read_bytes()).decode() if self.kept.exists() else None
        if self.path == "/login":
            self.tell(200, "<title>Grafana</title>")
        elif self.path == "/api/health":
            self.tell(200, {"database": "ok"})
        elif self.path != "/api/org":
            self.tell(404, {"message": "Not found"})
        elif login is None or self.headers.get("Authorization") != f"Basic {login}":
            self.tell(401, {"message": "invalid username or password"})
        else:
            self.tell(200, {"id": 1, "name": "Main Org."})

    def do_POST(self):
        """What `grafana cli admin reset-admin-password` does in the pod."""
        self.kept.write_bytes(self.body())
        self.tell(200, {})

    @classmethod
    def update(cls, pods):
        """The environment's password is taken while the database is made."""
        for pod in pods:
            for env in pod["spec"]["containers"][0].get("env", []):
                ref = env.get("valueFrom", {}).get("secretKeyRef")
                if env["name"] == "GF_SECURITY_ADMIN_PASSWORD" and not cls.kept.exists():
                    cls.kept.write_text(secret(pod["metadata"]["namespace"], ref["name"], ref["key"]))


class Rancher(Page):
    labels = ("app", "rancher")
    password = None  # once it has begun
    hosts = []  # of ingresses

    def do_GET(self):
        known = self.password and (self.server.server_port != 443 or self.headers.get("Host") in self.hosts)
        self.tell(200 if known else 404, "pong" if self.path == "/ping" else "Rancher")

    def do_POST(self):
        """pkg/auth/providers/publicapi, as of 2.13"""
        body = json.loads(self.body() or b"{}")
        if self.path != "/v1-public/login":
            self.tell(404, {"type": "error", "status": 404, "code": "NotFound"})
        elif body.get("username") != "admin" or body.get("password") != self.password:
            self.tell(401, {"type": "error", "status": 401, "code": "Unauthorized"})
        else:
            API.ask("POST", f"{CATTLE}/tokens", {"apiVersion": "management.cattle.io/v3", "kind": "Token",
                                                 "metadata": {"name": "token-abcde"}})
            self.tell(201, {"type": "token", "id": "token-abcde", "token": "token-abcde:geheim"})

    @classmethod
    def update(cls, pods):
        if not pods:
            cls.password = None
        elif not cls.password:
            cls.password = secret("cattle-system", "bootstrap-secret", "bootstrapPassword")
            cls.begin()

    @classmethod
    def begin(cls):
        """What it makes when it starts."""
        for kind in ("Setting", "Token", "Cluster"):
            plural = kind.lower() + "s"
            schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
            API.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": f"{plural}.management.cattle.io"},
                "spec": {"group": "management.cattle.io", "scope": "Cluster",
                         "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
                         "versions": [{"name": "v3", "served": True, "storage": True, "schema": schema}]},
            })
        for name in ("cattle-fleet-system", "fleet-local", "local"):
            API.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {
                "name": name, "annotations": {"lifecycle.cattle.io/create.namespace-auth": "true"}}})
        pod = {"metadata": {"labels": {"app": "rancher-webhook"}},
               "spec": {"containers": [{"name": "rancher-webhook", "image": "example.org/rancher-webhook:1"}]}}
        API.ask("POST", "/apis/apps/v1/namespaces/cattle-system/deployments", {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "rancher-webhook"},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "rancher-webhook"}}, "template": pod}})
        version = {"apiVersion": "management.cattle.io/v3"}
        conditions = [{"type": t, "status": "True"} for t in ("Ready", "Connected")]
        for path, o in (
            ("settings", {"kind": "Setting", "metadata": {"name": "first-login"}, "value": "true"}),
            ("clusters", {"kind": "Cluster", "spec": {"displayName": "local"}, "status": {"conditions": conditions},
                          "metadata": {"name": "local", "finalizers": ["controller.cattle.io/cluster-agent"]}}),
        ):
            for _ in range(50):  # until the new kind is served
                if API.ask("POST", f"{CATTLE}/{path}", {**version, **o})[0] != 404:
                    break
                time.sleep(0.2)


class Kubelet(Page):
    """As far as logs of pods go: what Rancher's say at their start."""

    def do_GET(self):
        path = self.path.split("/")
        said = "2026/01/01 00:00:00 [INFO] Rancher is starting\n2026/01/01 00:00:01 [ERROR] error syncing 'x': requeuing\n"
        if len(path) < 4 or path[1] != "containerLogs":
            self.tell(404, "404 page not found")
        else:
            self.tell(200, said if Pods.names.get((path[2], "pods", path[3])) is Rancher else "", "text/plain")


class Pods:
    """Which run, and where what runs in them is."""

    servers = {}  # application: (ports of the pod, address of what answers there)
    running = {}  # address of a pod: application
    names = {}  # (namespace, services or pods, name): application
    listeners = {}  # NodePort: [application, sockets]

    @classmethod
    def where(cls, host, port):
        ports, at = cls.servers.get(cls.running.get(host), ((), None))
        return at if port in ports else None

    @classmethod
    def called(cls, namespace, kind, name):
        app = cls.names.get((namespace, kind, name))
        return cls.servers[app][1] if app in cls.running.values() else None

    @classmethod
    def node_port(cls, number, app):
        def handle(connection):
            if app in cls.running.values():
                pass_on(connection, cls.servers[app][1])

        cls.listeners[number] = [app, [listen(a, number) for a in (EXTERNAL, "127.0.0.1")]]
        for s in cls.listeners[number][1]:
            serve(s, handle)

    @classmethod
    def update(cls):
        pods = [p for p in API.items("/api/v1/pods")
                if p["status"].get("phase") == "Running" and "deletionTimestamp" not in p["metadata"]]
        mine = {app: [p for p in pods if p["metadata"].get("labels", {}).get(app.labels[0]) == app.labels[1]] for app in cls.servers}
        cls.running = {p["status"]["podIP"]: app for app, of in mine.items() for p in of}
        for app, of in mine.items():
            app.update(of)
        names = {(p["metadata"]["namespace"], "pods", p["metadata"]["name"]): app for app, of in mine.items() for p in of}
        wanted = {}
        for service in API.items("/api/v1/services"):
            for app in cls.servers:
                if (service["spec"].get("selector") or {}).get(app.labels[0]) == app.labels[1]:
                    names[service["metadata"]["namespace"], "services", service["metadata"]["name"]] = app
                    wanted.update({p["nodePort"]: app for p in service["spec"]["ports"] if "nodePort" in p})
        cls.names = names
        for number in [n for n in cls.listeners if wanted.get(n) is not cls.listeners[n][0]]:
            for s in cls.listeners.pop(number)[1]:
                s.shutdown(socket.SHUT_RDWR)
                s.close()
        for number in wanted.keys() - cls.listeners.keys():
            cls.node_port(number, wanted[number])
        Rancher.hosts = []
        for ingress in API.items("/apis/networking.k8s.io/v1/ingresses"):
            meta = ingress["metadata"]
            Rancher.hosts += [r.get("host") for r in ingress["spec"].get("rules", [])]
            if not ingress.get("status", {}).get("loadBalancer"):
                API.ask("PATCH", f"/apis/networking.k8s.io/v1/namespaces/{meta['namespace']}/ingresses/{meta['name']}/status",
                        {"status": {"loadBalancer": {"ingress": [{"ip": EXTERNAL}]}}}, "application/merge-patch+json")


OUT.mkdir(parents=True, exist_ok=True)
subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
                "-subj", "/CN=rancher", "-keyout", str(OUT / "tls.key"), "-out", str(OUT / "tls.crt")],
               check=True, stderr=subprocess.DEVNULL)
shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
shown.load_cert_chain(str(OUT / "tls.crt"), str(OUT / "tls.key"))
prometheus = Prometheus()
Pods.servers = {
    prometheus: ((9090,), ("127.0.0.1", prometheus.port)),
    Alertmanager: ((9093,), pages(Alertmanager)),
    Grafana: ((80, 3000), pages(Grafana)),
    Rancher: ((443,), pages(Rancher, shown)),
}
serve(listen("127.0.0.1", PROXY), proxy)
kubelet = pages(Kubelet, shown)
pages(Rancher, shown, (EXTERNAL, 443))  # TLS ends there, and what is behind is this
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("ready", flush=True)
try:
    while True:
        try:
            Pods.update()
        except (OSError, http.client.HTTPException, ValueError, KeyError) as e:
            print("apps.py:", repr(e), flush=True)
        time.sleep(1)
finally:
    prometheus.stop()
