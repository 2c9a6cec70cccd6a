locals {
  # Whoever may open a database, from the list the code itself is tested against.
  database_access = {
    for row in flatten([
      for database, settings in var.databases : [
        for part, service in local.deployables : { part = part, database = database } if contains(settings.services, service)
      ]
    ]) : "${row.part}/${row.database}" => row
  }

  # datastore.user reads and writes documents; it cannot export, restore or delete a database.
  database_role = "roles/datastore.user"

  # Of all roles in the project these are the only ones that are not on a single resource.
  project_roles = {
    for row in flatten([
      for part in keys(local.deployables) : [
        for role in ["roles/logging.logWriter", "roles/monitoring.metricWriter", "roles/cloudtrace.agent"] : { part = part, role = role }
      ]
    ]) : "${row.part}/${row.role}" => row
  }

  # Nobody but Sigpair opens a share. The audit key signs; even Sigpair cannot read, replace or destroy it.
  key_access = {
    "sigpair-device/shares"   = { part = "sigpair-device", key = "shares", role = "roles/cloudkms.cryptoKeyEncrypterDecrypter" }
    "sigpair-internal/shares" = { part = "sigpair-internal", key = "shares", role = "roles/cloudkms.cryptoKeyEncrypterDecrypter" }
    "rewrap/shares"           = { part = "rewrap", key = "shares", role = "roles/cloudkms.cryptoKeyEncrypterDecrypter" }
    "sigpair-device/audit"    = { part = "sigpair-device", key = "audit", role = "roles/cloudkms.signerVerifier" }
    "sigpair-internal/audit"  = { part = "sigpair-internal", key = "audit", role = "roles/cloudkms.signerVerifier" }
  }

  secrets = {
    duo-node-signing-key  = { parts = ["duo-node"], file = "jwk.json" }
    functions-signing-key = { parts = ["functions"], file = "jwk.json" }
    functions-secrets-key = { parts = ["functions"], file = "key.hex" }
    # the one that duo-node signs with, and those that functions believes: two during a rotation
    webhook-secret  = { parts = ["duo-node"], file = null }
    webhook-secrets = { parts = ["functions"], file = null }
  }

  secret_versions = { for secret in keys(local.secrets) : secret => lookup(var.secret_versions, secret, "1") }

  secret_access = {
    for row in flatten([for secret, settings in local.secrets : [for part in settings.parts : { secret = secret, part = part }]]) :
    "${row.part}/${row.secret}" => row
  }

  # Whom Cloud Run itself lets in; null is everybody. What is internal is so twice: only our network gets there, and only this
  # one account, which shows an ID token of Google's beside our own signed one (docs/decisions/0022).
  invokers = {
    sigpair-device   = null
    sigpair-internal = "duo-node"
    duo-node         = "functions"
    api              = null
    webhooks         = "duo-node"
    # It verifies the scheduler's token itself, and Cloud Run takes the signature off a token that it has checked.
    jobs = null
  }
}
