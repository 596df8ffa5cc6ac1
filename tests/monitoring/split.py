# SPDX-License-Identifier: BSD-2-Clause
"""split.py OBJECTS DIR PORT [RATE]: from the manifests of the monitoring part, what promtool and Prometheus take:
DIR/rules.yml, DIR/prometheus.yml (the ScrapeConfig as the operator writes it, but that the nodes are those of the file
DIR/nodes.json instead of the API's, and that DIR/ca.crt holds what the ConfigMap with the cluster's authority does), DIR/<dashboard>.json,
DIR/expressions (one a line, kind and title before it; RATE is what Grafana takes for the interval of a rate)."""
import json
import re
import sys

import yaml

from operator_lib import scrape_config

objects, into, port, rate = yaml.safe_load_all(open(sys.argv[1])), *(sys.argv[2:] + ["10s"])[:3]
kinds = {o["kind"]: o for o in objects if o}

scrape = scrape_config("monitoring/powerstack-exporter", kinds["ScrapeConfig"]["spec"], into + "/ca.crt")
scrape["file_sd_configs"] = [{"files": [into + "/nodes.json"]}]
# as the API's nodes come: the kubelet's port, the name in a label that goes
json.dump([{"targets": ["127.0.0.1:10250"], "labels": {"__meta_kubernetes_node_name": "ho1"}}],
          open(into + "/nodes.json", "w"))
yaml.safe_dump({"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [into + "/rules.yml"],
                "scrape_configs": [scrape]}, open(into + "/prometheus.yml", "w"))

rules = kinds["PrometheusRule"]["spec"]
yaml.safe_dump(rules, open(into + "/rules.yml", "w"))

found = []
for group in rules["groups"]:
    for rule in group["rules"]:
        found.append(("record" if "record" in rule else "alert", rule.get("record") or rule["alert"], rule["expr"]))
for name, board in kinds["ConfigMap"]["data"].items():
    open(into + "/" + name, "w").write(board)
    board = json.loads(board)
    variables = board["templating"]["list"]
    # every one set to all there is, as the dashboard opens
    values = {v["name"]: ".*" if v["type"] == "query" else v.get("query", "") for v in variables}
    values.update({"__rate_interval": rate, "__range": "1d"})

    def fill(expr):
        out = re.sub(r"\$(\w+)", lambda m: values[m.group(1)], expr)
        assert "$" not in out, out
        return out

    for v in variables:
        if v["type"] == "query":
            found.append(("choice", board["title"] + ": " + v["label"], fill(v["query"]["query"])))
    for panel in board["panels"]:
        for target in panel["targets"]:
            found.append(("panel", board["title"] + ": " + panel["title"], fill(target["expr"])))
with open(into + "/expressions", "w") as f:
    for kind, title, expr in found:
        print(kind, title, " ".join(expr.split()), sep="\t", file=f)
