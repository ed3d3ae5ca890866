"""The files of examples/cluster fit their schemas, and what they run is a command of ours."""

from __future__ import annotations

import json
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

from workbench.app.cli import main

if find_spec("ray") is None:
    pytest.skip("Ray is not installed: pip install -e '.[cluster]'", allow_module_level=True)

FOLDER = Path(__file__).parents[2] / "examples" / "cluster"

# What KubeRay's operator needs of a job; the whole definition is 10,000 lines, of which this uses these.
POD = {
    "type": "object",
    "required": ["rayStartParams", "template"],
    "properties": {
        "rayStartParams": {"type": "object", "additionalProperties": {"type": "string"}},
        "template": {
            "type": "object",
            "required": ["spec"],
            "properties": {
                "spec": {
                    "type": "object",
                    "required": ["containers", "volumes"],
                    "properties": {
                        "containers": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["name", "image", "resources", "volumeMounts"],
                                "properties": {
                                    "env": {
                                        "type": "array",
                                        "items": {
                                            "properties": {"name": {"type": "string"}, "value": {"type": "string"}}
                                        },
                                    }
                                },
                            },
                        }
                    },
                }
            },
        },
    },
}
GROUP = {**POD, "required": [*POD["required"], "groupName", "minReplicas", "maxReplicas"]}
CLUSTER = {
    "type": "object",
    "required": ["rayVersion", "headGroupSpec", "workerGroupSpecs"],
    "additionalProperties": False,
    "properties": {
        "rayVersion": {"type": "string"},
        "headGroupSpec": POD,
        "workerGroupSpecs": {"type": "array", "minItems": 1, "items": GROUP},
    },
}
JOB = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "ray.io/v1"},
        "kind": {"const": "RayJob"},
        "spec": {
            "type": "object",
            "required": ["entrypoint", "rayClusterSpec"],
            "additionalProperties": False,
            "properties": {
                "entrypoint": {"type": "string"},
                "shutdownAfterJobFinishes": {"type": "boolean"},
                "ttlSecondsAfterFinished": {"type": "integer"},
                "backoffLimit": {"type": "integer"},
                "runtimeEnvYAML": {"type": "string"},
                "rayClusterSpec": CLUSTER,
            },
        },
    },
}


def read(name):
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load((FOLDER / name).read_text("utf-8"))


def check(found, schema):
    pytest.importorskip("jsonschema").validate(found, schema)


def test_the_cluster_fits_ray_s_own_schema():
    schema = Path(find_spec("ray").origin).with_name("autoscaler") / "ray-schema.json"
    found = read("ray-cluster.yaml")
    check(found, json.loads(schema.read_text("utf-8")))
    assert found["head_node_type"] in found["available_node_types"]


def test_the_job_fits_what_the_operator_needs_and_what_it_mounts_is_there():
    found = read("rayjob.yaml")
    check(found, JOB)
    spec = found["spec"]["rayClusterSpec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        assert {each["name"] for each in pod["containers"][0]["volumeMounts"]} == {
            each["name"] for each in pod["volumes"]
        }


def commands():
    job = read("rayjob.yaml")["spec"]["entrypoint"]
    text = re.sub(r"^# ?", "", (FOLDER / "ray-cluster.yaml").read_text("utf-8"), flags=re.MULTILINE).replace(
        "\\\n", " "
    )
    return [job, re.search(r"workbench maps [^\"]+", text).group()]


def test_what_they_run_is_a_command_of_ours_over_a_bucket_and_a_disk_that_is_mounted(tmp_path, monkeypatch):
    (tmp_path / "model.keras").write_bytes(b"")
    for command in commands():
        words = shlex.split(command)
        assert words[:2] == ["workbench", "maps"]
        paths = [word for word in words if word.startswith("/")]
        assert len(paths) == 2 and all(each.startswith("/shared/") for each in paths)
        there = [str(tmp_path / "model.keras") if each.endswith(".keras") else each for each in words[2:]]
        context = main.commands["maps"].make_context("maps", there)
        assert context.params["cluster"] == "auto"
        assert context.params["workers"] in {8, 16}
        assert context.params["data"] == "s3://my-images/photos"


def test_the_job_has_nothing_that_a_shell_elsewhere_would_fill_in():
    assert not re.search(r"\$\(|`|[|&;<>]", commands()[0])


def test_no_key_stands_in_them():
    for file in FOLDER.iterdir():
        assert not re.search(r"(?i)secret|access_key|token|password|AKIA", file.read_text("utf-8")), file.name
