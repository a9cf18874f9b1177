"""Keys and outputs: what a template tells everybody who may see it, and what it does not."""

from __future__ import annotations

from textwrap import indent

import pytest
from aws_cdk import App, Stack

from hardlink.domain.sources.registry import Sources
from infra.snippet import render_snippet
from infra.stack.server_keys import SigningKeys
from tests.deploy.template import Template, describe_reference
from tests.support import documents


@pytest.mark.parametrize("kind", ["server-key", "signing-key"])
def test_every_project_has_secrets_that_secrets_manager_makes_up(
    dev: Template, kind: str
) -> None:
    secrets = {
        secret["Name"]: secret
        for secret in dev.properties("SecretsManager::Secret").values()
    }
    assert len(secrets) == 2
    secret = secrets[f"hardlink-dev/demo/{kind}"]
    assert secret["GenerateSecretString"] == {
        "ExcludePunctuation": True,
        "PasswordLength": 43,
    }


def test_a_project_that_checks_no_token_has_no_signing_key() -> None:
    stack = Stack(App(), "empty")
    keys = SigningKeys(stack, "SigningKeys", Sources({}).signing_projects)
    assert keys.projects == ()
    assert not stack.node.find_all()[2:]


def test_no_template_holds_a_secret(dev: Template, prod: Template) -> None:
    for template in (dev, prod):
        assert "SecretString" not in template.text.replace(
            "GenerateSecretString", ""
        ).replace("--query SecretString", "")
        assert "{{resolve" not in template.text


def test_functions_are_told_how_the_secrets_are_called(dev: Template) -> None:
    functions = dev.properties("Lambda::Function")
    variables = functions["FunctionsCustomersFunction"]["Environment"]["Variables"]
    assert variables["HARDLINK_SERVER_KEYS"] == "hardlink-dev/{project}/server-key"
    variables = functions["FunctionsIdentifyFunction"]["Environment"]["Variables"]
    assert variables["HARDLINK_SIGNING_KEYS"] == "hardlink-dev/{project}/signing-key"


@pytest.mark.parametrize(
    ("stage", "policy"), [("dev", "Delete"), ("prod", "RetainExceptOnCreate")]
)
def test_keys_outlive_the_stack_that_may_not_be_thrown_away(
    stage: str, policy: str, request: pytest.FixtureRequest
) -> None:
    template: Template = request.getfixturevalue(stage)
    secrets = template.resources("SecretsManager::Secret").values()
    assert {secret["DeletionPolicy"] for secret in secrets} == {policy}


def test_the_outputs_say_where_the_api_is_and_which_keys_there_are(
    dev: Template,
) -> None:
    outputs = dev.outputs
    assert outputs.keys() == {
        *("Url", "ServerKeys", "SigningKeys"),
        *(
            "Failed",
            "Feeds",
            "FailedFeeds",
            "Erasures",
            "VisitorErasures",
            "FailedErasures",
            "Snippet",
        ),
    }
    assert describe_reference(outputs["Url"]) == "ApiHttp.ApiEndpoint"
    assert outputs["ServerKeys"] == "hardlink-dev/<project>/server-key"
    assert outputs["SigningKeys"] == "hardlink-dev/<project>/signing-key"


def test_the_snippet_is_ready_to_paste(dev: Template) -> None:
    text = describe_reference(dev.outputs["Snippet"])
    assert text == render_snippet("ApiHttp.ApiEndpoint", "demo")
    assert text.startswith("<script>")
    assert text.endswith("</script>")
    assert 'src="ApiHttp.ApiEndpoint/sdk.js"' in text


def test_the_documents_have_the_same_snippet() -> None:
    expected = render_snippet("https://hardlink.shop.example", "demo")
    texts = [file.read_text(encoding="utf-8") for file in documents.markdown_files()]
    pasted = [text for text in texts if "window.hardlink ||=" in text]
    assert pasted
    assert all(expected in text or indent(expected, "    ") in text for text in pasted)


def test_no_write_key_ends_the_script_it_stands_in() -> None:
    text = render_snippet("https://example.com", '</script>"')
    assert text.count("</script>") == 2  # its own script's, and the SDK's
    assert r'{token: "\u003c/script>\"", ' in text
