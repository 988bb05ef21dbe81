"""Checks what `deploy/` holds with the tools that its formats have, as far as they need no engine and no cluster."""

import copy
import json
import pathlib
import subprocess
import sys
import tempfile

import go_template
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
TOOLS = pathlib.Path(sys.executable).parent


def run(*command):
    shown = " ".join(str(part) for part in command)
    print(f"$ {shown}", flush=True)
    if subprocess.run([str(part) for part in command], check=False).returncode != 0:
        sys.exit(f"{shown} found faults; they are above")


def render(chart, values, folder):
    """What Helm would make of the chart: the templates use only functions of Go itself."""
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    scope = {
        "Values": values,
        "Release": {"Name": "mill", "Namespace": "flows"},
        "Chart": {"Name": about["name"], "Version": about["version"], "AppVersion": about["appVersion"]},
    }
    scope_file = folder / "scope.yaml"
    scope_file.write_text(yaml.safe_dump(scope))
    made = []
    for template in sorted((chart / "templates").iterdir()):
        target = folder / template.name
        # The library wants to read a file and gives the text, or writes it where it is told.
        go_template.render_template(str(template), str(scope_file), str(target))
        text = target.read_text()
        if "<no value>" in text:
            sys.exit(f"{template.name} asks for a value that values.yaml lacks:\n{text}")
        if template.suffix == ".yaml":
            made.append(target)
    return made


def main():
    run(TOOLS / "hadolint", DEPLOY / "docker/Dockerfile")
    run(TOOLS / "yamllint", "--strict", "-d", "{extends: relaxed, rules: {line-length: {max: 120}}}",
        *sorted((DEPLOY / "docker").glob("*.yaml")), DEPLOY / "kubernetes", DEPLOY / "helm/hookmill/values.yaml",
        DEPLOY / "prometheus")
    for manifest in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        run(TOOLS / "kubernetes-validate", "--strict", "--quiet", manifest)
    chart = DEPLOY / "helm/hookmill"
    values = yaml.safe_load((chart / "values.yaml").read_text())
    everything = copy.deepcopy(values)
    everything.update(allowAddress="10.0.0.0/8", masterKeySecret="hookmill-key", storeSecret="hookmill-store",
                      replicas=3)
    everything["ingress"]["className"] = "nginx"
    everything["storage"]["className"] = "fast"
    without_ingress = copy.deepcopy(values)
    without_ingress["ingress"]["enabled"] = False
    for one in (values, everything, without_ingress):
        with tempfile.TemporaryDirectory() as folder:
            for manifest in render(chart, one, pathlib.Path(folder)):
                run(TOOLS / "kubernetes-validate", "--strict", "--quiet", manifest)
    for script in sorted(DEPLOY.rglob("*.sh")):
        run("shellcheck", script)
    run("promtool", "check", "config", DEPLOY / "prometheus/scrape.yaml")
    run("promtool", "test", "rules", DEPLOY / "prometheus/alerts.test.yaml")
    dashboard = json.loads((DEPLOY / "grafana/hookmill.json").read_text())
    if not all(target["expr"] for panel in dashboard["panels"] for target in panel["targets"]):
        sys.exit("a panel of the dashboard asks for nothing")
    with tempfile.TemporaryDirectory() as folder:
        # The unit is checked with a program that exists on this machine.
        unit = pathlib.Path(folder) / "hookmill.service"
        text = (DEPLOY / "systemd/hookmill.service").read_text()
        unit.write_text(text.replace("/usr/bin/hookmill", "/bin/true"))
        run("systemd-analyze", "verify", unit)
        run("systemd-analyze", "security", "--offline=true", "--threshold=20", unit)


if __name__ == "__main__":
    main()
