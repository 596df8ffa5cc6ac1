#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""pods.py DIR: plays the scheduler and the kubelets for the API server with its state in DIR.

Pods are bound to a Ready node that their node selector and affinity by name allow; after DELAY seconds
they run, a job's succeed. A deleted pod goes away. The file DIR/pods-delay changes DELAY.
A claim of a class without provisioner gets a volume that fits when a pod uses it. A pod with the annotation "tests/stuck" stays Pending, with the annotation's text as the reason.
"""
import http.client
import pathlib
import sys
import time
from datetime import datetime, timezone

from api_client import Api

DELAY = 2.0
DIR = pathlib.Path(sys.argv[1])
ask = Api(DIR).ask


def now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(stamp):
    return time.time() - datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()


def is_ready(node):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in node.get("status", {}).get("conditions", []))


def tolerated(pod, taint):
    for t in pod["spec"].get("tolerations", []):
        if t.get("key") not in (None, taint["key"]) or t.get("effect") not in (None, taint["effect"]):
            continue
        if t.get("operator") == "Exists" or t.get("value", "") == taint.get("value", ""):
            return True
    return False


def fits(pod, node):
    labels = node["metadata"].get("labels", {})
    if not is_ready(node) or node["spec"].get("unschedulable"):
        return False
    if any(labels.get(k) != v for k, v in pod["spec"].get("nodeSelector", {}).items()):
        return False
    for t in node["spec"].get("taints", []):
        if t["effect"] in ("NoSchedule", "NoExecute") and not tolerated(pod, t):
            return False
    affinity = pod["spec"].get("affinity", {}).get("nodeAffinity", {})
    terms = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {}).get("nodeSelectorTerms", [])
    names = [v for t in terms for f in t.get("matchFields", []) for v in f.get("values", [])]
    return not names or node["metadata"]["name"] in names


def quantity(text):
    units = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
    return int(text[:-2]) * units[text[-2:]] if text[-2:] in units else int(text)


def volume_for(claim):
    """The volume that a claim of a class without provisioner gets: the scheduler's part of it is to choose."""
    spec = claim["spec"]
    labels = spec.get("selector", {}).get("matchLabels", {})
    for pv in sorted(ask("GET", "/api/v1/persistentvolumes")[1].get("items", []), key=lambda v: v["metadata"]["name"]):
        have = pv["metadata"].get("labels", {})
        if (
            pv["status"].get("phase") == "Available"
            and not pv["spec"].get("claimRef")
            and pv["spec"].get("storageClassName", "") == spec.get("storageClassName", "")
            and all(have.get(k) == v for k, v in labels.items())
            and set(spec["accessModes"]) <= set(pv["spec"]["accessModes"])
            and quantity(pv["spec"]["capacity"]["storage"]) >= quantity(spec["resources"]["requests"]["storage"])
        ):
            return pv
    return None


def unbound(pod):
    """Why the pod's claims are not all bound; None when they are. A volume that fits is given to its claim."""
    why = None
    for volume in pod["spec"].get("volumes", []):
        name = volume.get("persistentVolumeClaim", {}).get("claimName")
        if not name:
            continue
        where = f"/api/v1/namespaces/{pod['metadata']['namespace']}/persistentvolumeclaims/{name}"
        status, claim = ask("GET", where)
        if status != 200:
            return f'0/1 nodes are available: persistentvolumeclaim "{name}" not found.'
        if claim.get("status", {}).get("phase") == "Bound":
            continue
        pv = volume_for(claim)
        if pv is None:
            why = "0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind."
            continue
        meta = claim["metadata"]
        ref = {k: meta[k] for k in ("namespace", "name", "uid")}
        ref.update(kind="PersistentVolumeClaim", apiVersion="v1")
        ask("PATCH", f"/api/v1/persistentvolumes/{pv['metadata']['name']}", {"spec": {"claimRef": ref}},
            "application/strategic-merge-patch+json")
        why = why or "its volumes are being bound"
    return why


def path(pod):
    m = pod["metadata"]
    return f"/api/v1/namespaces/{m['namespace']}/pods/{m['name']}"


def containers(pod, state):
    return [
        {
            "name": c["name"], "image": c["image"], "imageID": "sha256:0", "containerID": "containerd://0",
            "restartCount": 0, "ready": "running" in state, "started": "running" in state, "state": state,
        }
        for c in pod["spec"]["containers"]
    ]


def run(pod, node, number):
    job = any(o["kind"] == "Job" for o in pod["metadata"].get("ownerReferences", []))
    done = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now(), "finishedAt": now()}}
    host = next((a["address"] for a in node["status"].get("addresses", []) if a["type"] == "InternalIP"), "127.0.0.1")
    ip = host if pod["spec"].get("hostNetwork") else f"10.42.{number // 250 % 250}.{number % 250 + 2}"
    status = {
        "phase": "Succeeded" if job else "Running", "hostIP": host, "podIP": ip, "podIPs": [{"ip": ip}],
        "startTime": now(), "containerStatuses": containers(pod, done if job else {"running": {"startedAt": now()}}),
        "conditions": [
            {"type": t, "status": "False" if job and t in ("Ready", "ContainersReady") else "True", "lastTransitionTime": now()}
            for t in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
        ],
    }
    ask("PATCH", path(pod) + "/status", {"status": status}, "application/strategic-merge-patch+json")


def lost(pod):
    """Runs, but the node controller took it for not ready while its node was away: a kubelet that is back says otherwise."""
    conditions = pod["status"].get("conditions", [])
    return pod["status"]["phase"] == "Running" and any(c["type"] == "Ready" and c["status"] == "False" for c in conditions)


def step(number):
    try:
        delay = float((DIR / "pods-delay").read_text())
    except (OSError, ValueError):
        delay = DELAY
    nodes = {n["metadata"]["name"]: n for n in ask("GET", "/api/v1/nodes")[1].get("items", [])}
    for pod in ask("GET", "/api/v1/pods")[1].get("items", []):
        meta, where = pod["metadata"], pod["spec"].get("nodeName")
        pod["metadata"].setdefault("annotations", {})
        if "deletionTimestamp" in meta:
            ask("DELETE", path(pod), {"gracePeriodSeconds": 0})
        elif where in nodes and is_ready(nodes[where]) and lost(pod):
            ready = {"type": "Ready", "status": "True", "reason": None, "message": None, "lastTransitionTime": now()}
            ask("PATCH", path(pod) + "/status", {"status": {"conditions": [ready]}},
                "application/strategic-merge-patch+json")
        elif pod["status"]["phase"] != "Pending" or "tests/stuck" in meta["annotations"]:
            continue
        elif not where:
            why = unbound(pod)
            if why:
                condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why}
                ask("PATCH", path(pod) + "/status", {"status": {"conditions": [condition]}},
                    "application/strategic-merge-patch+json")
                continue
            choice = sorted(n for n, node in nodes.items() if fits(pod, node))
            if choice:
                target = {"apiVersion": "v1", "kind": "Node", "name": choice[number % len(choice)]}
                binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": meta["name"]}, "target": target}
                ask("POST", path(pod) + "/binding", binding)
        elif where in nodes and is_ready(nodes[where]) and age(meta["creationTimestamp"]) >= delay:
            number += 1
            run(pod, nodes[where], number)
    return number


counter = 0
while True:
    try:
        counter = step(counter)
    except (OSError, http.client.HTTPException, ValueError) as e:
        print("pods.py:", e, flush=True)
    time.sleep(0.5)
