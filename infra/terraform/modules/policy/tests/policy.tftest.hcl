# Nothing here needs a provider: `terraform init && terraform test` in this folder.

variables {
  project_id       = "tandem-example"
  project_number   = "123456789012"
  environment      = "prod"
  passkey_domain   = "wallet.example.com"
  issuers          = [{ issuer = "https://id.example.com", audience = "tandem", jwksUrl = "https://id.example.com/jwks", algorithms = ["ES256"] }]
  chains           = { "1" = "https://rpc.example.com" }
  functions_object = "functions-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.zip"
  images = {
    sigpair  = "europe-west1-docker.pkg.dev/tandem-example/tandem/sigpair@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    duo-node = "europe-west1-docker.pkg.dev/tandem-example/tandem/duo-node@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  }
  functions_keys = [{ kty = "OKP", crv = "Ed25519", x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", kid = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" }]
  duo_node_keys  = [{ kty = "OKP", crv = "Ed25519", x = "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw", kid = "FtIu-VbGrfe_KB6CH7GNwODB72MNxj_ml11dEvO-7kk" }]
  databases = {
    parties       = { services = ["sigpair"], recovery = "wanted", collections = ["keys", "meta"] }
    presignatures = { services = ["sigpair"], recovery = "forbidden", collections = ["pairs"] }
    backend       = { services = ["duo-node", "functions"], recovery = "wanted", collections = ["profiles"] }
  }
}

run "only_sigpair_opens_databases_with_shares" {
  command = plan

  assert {
    condition = toset(keys(output.access.databases)) == toset([
      "sigpair-device/parties", "sigpair-device/presignatures",
      "sigpair-internal/parties", "sigpair-internal/presignatures",
      "rewrap/parties", "rewrap/presignatures",
      "duo-node/backend", "functions/backend",
    ])
    error_message = "another account opens a database, or one that must cannot"
  }
}

run "only_sigpair_uses_keys" {
  command = plan

  assert {
    condition     = alltrue([for row in values(output.access.keys) : contains(["sigpair-device", "sigpair-internal", "rewrap"], row.part)])
    error_message = "an account that is not Sigpair's may use a key"
  }

  assert {
    condition = alltrue([
      for row in values(output.access.keys) :
      row.role == (row.key == "audit" ? "roles/cloudkms.signerVerifier" : "roles/cloudkms.cryptoKeyEncrypterDecrypter")
    ])
    error_message = "a key is used for more than it is for"
  }
}

run "no_broad_role_is_given" {
  command = plan

  assert {
    condition     = !anytrue([for row in values(output.access.project) : can(regex("owner|editor|admin|datastore|cloudkms|secret", row.role))])
    error_message = "a role on the whole project opens what is given one by one"
  }
}

run "presignatures_never_come_back" {
  command = plan

  assert {
    condition     = !output.databases.presignatures.point_in_time_recovery && !output.databases.presignatures.backups
    error_message = "presignatures can be restored"
  }

  assert {
    condition     = output.databases.parties.point_in_time_recovery && output.databases.parties.backups && output.databases.backend.backups
    error_message = "what can be restored safely is not backed up"
  }

  assert {
    condition     = alltrue([for settings in values(output.databases) : settings.delete_protection])
    error_message = "a production database can be deleted"
  }
}

run "every_collection_loses_what_has_expired" {
  command = plan

  assert {
    condition     = toset(keys(output.fields)) == toset(["parties/keys", "parties/meta", "presignatures/pairs", "backend/profiles"])
    error_message = "a collection has no TTL"
  }
}

run "what_is_internal_stays_internal" {
  command = plan

  assert {
    condition     = output.services.duo-node.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY" && output.services.sigpair-internal.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY" && output.functions.webhooks.ingress == "ALLOW_INTERNAL_ONLY"
    error_message = "an internal service is on the internet"
  }

  assert {
    condition     = output.services.sigpair-device.ingress == "INGRESS_TRAFFIC_ALL" && output.env.sigpair-device.TRUSTED_PROXIES == "1"
    error_message = "without a load balancer devices come straight to Cloud Run"
  }
}

run "who_calls_what_is_internal_is_one_account" {
  command = plan

  assert {
    condition = (
      output.access.invokers.duo-node == "functions" &&
      output.access.invokers.sigpair-internal == "duo-node" &&
      output.access.invokers.webhooks == "duo-node"
    )
    error_message = "another account gets past Cloud Run, or everybody does"
  }

  assert {
    condition     = [for part, account in output.access.invokers : part if account == null] == ["api", "jobs", "sigpair-device"]
    error_message = "a service asks nobody for a Google identity that should"
  }

  assert {
    condition     = output.env.functions.SERVICE_IDENTITY == "google" && output.env.duo-node.SERVICE_IDENTITY == "google"
    error_message = "a caller does not say who it is, and nobody lets it in"
  }
}

run "jobs_are_the_schedulers" {
  command = plan

  assert {
    condition     = output.functions.jobs.ingress == "ALLOW_INTERNAL_ONLY" && jsondecode(output.functions.jobs.env.JOBS_CALLER).email == "tandem-scheduler@tandem-example.iam.gserviceaccount.com"
    error_message = "somebody else runs jobs"
  }

  assert {
    condition     = jsondecode(output.functions.jobs.env.JOBS_CALLER).audience == output.urls.jobs && contains(split(",", output.env.functions.HOSTS), trimprefix(output.urls.jobs, "https://"))
    error_message = "the scheduler's token is for another address than it calls"
  }

  assert {
    condition     = alltrue([for name in ["api", "webhooks"] : !contains(keys(output.functions[name].env), "JOBS_CALLER")])
    error_message = "jobs run where strangers get to"
  }
}

run "apple_is_asked_for_by_name_only" {
  command = plan

  assert {
    condition     = length(jsondecode(output.env.functions.ISSUERS)) == 1 && !contains(keys(output.env.functions), "APP_ATTEST")
    error_message = "Apple's sign-in or App Attest is there without being asked for"
  }
}

run "apple_signs_in_and_attests" {
  command = plan

  variables {
    apple_audiences = ["com.example.wallet"]
    app_attest      = { teamId = "0A1B2C3D4E", bundleIds = ["com.example.wallet"], root = "PEM", required = true }
  }

  assert {
    condition     = jsondecode(output.env.functions.ISSUERS)[1].apple.audience[0] == "com.example.wallet"
    error_message = "Sign in with Apple does not reach functions"
  }

  assert {
    condition     = jsondecode(output.env.functions.APP_ATTEST).required
    error_message = "App Attest does not reach functions"
  }
}

run "nobody_gets_past_the_load_balancer" {
  command = plan

  variables {
    api_domain    = "api.example.com"
    device_domain = "sigpair.example.com"
  }

  assert {
    condition     = output.services.sigpair-device.ingress == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER" && output.functions.api.ingress == "ALLOW_INTERNAL_AND_GCLB"
    error_message = "Cloud Armor can be gone around"
  }

  assert {
    condition     = output.env.functions.SIGPAIR_URL == "wss://sigpair.example.com" && output.env.sigpair-device.TRUSTED_PROXIES == "2"
    error_message = "devices are told another address, or callers' addresses are read from the wrong place"
  }
}

run "sigpair_keeps_its_processor_and_an_instance" {
  command = plan

  assert {
    condition     = !output.services.sigpair-device.cpu_idle && output.services.sigpair-device.min >= 1 && output.services.sigpair-device.concurrency == 250 && output.services.sigpair-device.timeout_s == 3600
    error_message = "dialogues die with a throttled or missing instance"
  }

  assert {
    condition     = tonumber(output.env.sigpair-device.MAX_DIALOGUES) < output.services.sigpair-device.concurrency
    error_message = "health checks find no room beside dialogues"
  }
}

run "production_needs_an_hsm" {
  command         = plan
  expect_failures = [var.protection_level]

  variables {
    protection_level = "SOFTWARE"
  }
}

run "production_needs_several_regions" {
  command         = plan
  expect_failures = [var.database_location, var.key_location]

  variables {
    database_location = "europe-west1"
    key_location      = "europe-west1"
  }
}

run "presignatures_may_not_be_recoverable" {
  command         = plan
  expect_failures = [var.databases]

  variables {
    databases = {
      parties       = { services = ["sigpair"], recovery = "wanted", collections = [] }
      presignatures = { services = ["sigpair"], recovery = "wanted", collections = [] }
      backend       = { services = ["functions"], recovery = "wanted", collections = [] }
    }
  }
}

run "functions_may_not_open_shares" {
  command         = plan
  expect_failures = [var.databases]

  variables {
    databases = {
      parties       = { services = ["sigpair", "functions"], recovery = "wanted", collections = [] }
      presignatures = { services = ["sigpair"], recovery = "forbidden", collections = [] }
      backend       = { services = ["functions"], recovery = "wanted", collections = [] }
    }
  }
}

run "a_looser_policy_waits_a_day" {
  command         = plan
  expect_failures = [var.policy_delay_ms]

  variables {
    policy_delay_ms = 3600000
  }
}

run "an_issuer_without_tls_is_refused" {
  command         = plan
  expect_failures = [var.issuers]

  variables {
    issuers = [{ issuer = "x", audience = "tandem", jwksUrl = "http://id.example.com/jwks", algorithms = ["ES256"] }]
  }
}

run "an_emulators_project_is_refused" {
  command         = plan
  expect_failures = [var.project_id]

  variables {
    project_id = "demo-tandem"
  }
}

run "one_domain_alone_is_refused" {
  command         = plan
  expect_failures = [var.api_domain]

  variables {
    api_domain = "api.example.com"
  }
}

run "duo_node_and_functions_do_not_share_a_key" {
  command         = plan
  expect_failures = [var.duo_node_keys]

  variables {
    functions_keys = [{ kty = "OKP", crv = "Ed25519", x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", kid = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" }]
    duo_node_keys  = [{ kty = "OKP", crv = "Ed25519", x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", kid = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" }]
  }
}

run "latest_is_no_version" {
  command         = plan
  expect_failures = [var.secret_versions]

  variables {
    secret_versions = { webhook-secret = "latest" }
  }
}

run "a_tag_is_no_image" {
  command         = plan
  expect_failures = [var.images]

  variables {
    images = { sigpair = "registry.example.com/sigpair:latest", duo-node = "registry.example.com/duo-node:latest" }
  }
}

run "no_service_starts_without_keys" {
  command         = plan
  expect_failures = [output.env]

  variables {
    functions_keys = []
  }
}

run "a_restored_database_is_opened_under_its_new_name" {
  command = plan

  variables {
    database_ids = { parties = "parties-2" }
  }

  assert {
    condition     = output.env.sigpair-device.FIRESTORE_PARTIES_DATABASE == "parties-2" && output.env.rewrap.FIRESTORE_PARTIES_DATABASE == "parties-2" && output.databases.parties.id == "parties-2"
    error_message = "Sigpair goes on with the database that was replaced"
  }
}

run "presignatures_were_never_restored" {
  command         = plan
  expect_failures = [var.database_ids]

  variables {
    database_ids = { presignatures = "presignatures-2" }
  }
}
