# SPDX-License-Identifier: BSD-2-Clause
"""What prometheus-operator makes of its objects, as far as the tests need it."""
import re


def snake(value):
    if isinstance(value, list):
        return [snake(v) for v in value]
    if isinstance(value, dict):
        return {re.sub("([A-Z])", r"_\1", k).lower(): snake(v) for k, v in value.items()}
    return value


def scrape_config(name, spec, ca_file):
    """Prometheus' scrape configuration of a ScrapeConfig. ca_file holds what the ConfigMap with the cluster's authority
    does; where the nodes come from (the role is seen to be what it has to be) is the caller's."""
    scrape = snake(spec)
    assert scrape.pop("kubernetes_s_d_configs") == [{"role": "Node"}], scrape
    if "scheme" in scrape:
        scrape["scheme"] = scrape["scheme"].lower()
        assert scrape["tls_config"] == {"ca": {"config_map": {"name": "kube-root-ca.crt", "key": "ca.crt"}}}, scrape
        scrape["tls_config"] = {"ca_file": ca_file}
    scrape["relabel_configs"] = scrape.pop("relabelings")
    scrape["metric_relabel_configs"] = scrape.pop("metric_relabelings")
    scrape["job_name"] = f"scrapeConfig/{name}"
    return scrape
