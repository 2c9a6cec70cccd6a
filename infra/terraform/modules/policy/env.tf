locals {
  secret_directory = "/secrets"

  # MODE is said although it is the default: nobody shall look for it.
  common = {
    MODE              = "production"
    LOG_LEVEL         = var.log_level
    STORE             = "firestore"
    FIRESTORE_PROJECT = var.project_id
  }

  # the rest of what there is to say of Apple the service knows
  apple      = [for audience in [var.apple_audiences] : { apple = { audience = audience } } if length(audience) > 0]
  app_attest = { for name, value in { APP_ATTEST = var.app_attest } : name => jsonencode(value) if value != null }

  sigpair = merge(local.common, {
    HOST                             = "0.0.0.0"
    FIRESTORE_PARTIES_DATABASE       = local.databases["parties"].id
    FIRESTORE_PRESIGNATURES_DATABASE = local.databases["presignatures"].id
    KMS_KEY                          = local.share_key
    KMS_AUDIT_KEY                    = "${local.audit_key}/cryptoKeyVersions/1"
    POLICY_DELAY_MS                  = format("%d", var.policy_delay_ms)
    FUNCTIONS_KEYS                   = jsonencode(var.functions_keys)
    DUO_NODE_KEYS                    = jsonencode(var.duo_node_keys)
  })

  env = {
    sigpair-device = merge(local.sigpair, {
      SIGPAIR_ROLE    = "device"
      HOSTS           = join(",", distinct([local.hosts["sigpair-device"], local.run_hosts["sigpair-device"]]))
      ORIGINS         = join(",", var.origins)
      TRUSTED_PROXIES = tostring(local.proxies)
      # the rest of what Cloud Run lets in is for health checks
      MAX_DIALOGUES = tostring(local.services["sigpair-device"].concurrency - 10)
    })
    sigpair-internal = merge(local.sigpair, {
      SIGPAIR_ROLE  = "internal"
      INTERNAL_HOST = "0.0.0.0"
      INTERNAL_PORT = tostring(local.services["sigpair-internal"].port)
      HOSTS         = local.hosts["sigpair-internal"]
    })
    rewrap = local.sigpair
    duo-node = merge(local.common, {
      HOST                 = "0.0.0.0"
      HOSTS                = local.hosts["duo-node"]
      FIRESTORE_DATABASE   = local.databases["backend"].id
      SIGNING_KEY_FILE     = "${local.secret_directory}/signing-key/jwk.json"
      FUNCTIONS_KEYS       = jsonencode(var.functions_keys)
      SERVICE_IDENTITY     = "google"
      SIGPAIR_INTERNAL_URL = "https://${local.hosts["sigpair-internal"]}"
      WEBHOOK_URL          = "https://${local.hosts["webhooks"]}/webhooks/duo-node"
    })
    functions = merge(local.common, {
      HOST               = "0.0.0.0"
      HOSTS              = join(",", distinct([local.hosts["api"], local.run_hosts["api"], local.hosts["webhooks"], local.hosts["jobs"]]))
      ORIGINS            = join(",", var.origins)
      FIRESTORE_DATABASE = local.databases["backend"].id
      SIGNING_KEY_FILE   = "${local.secret_directory}/signing-key/jwk.json"
      SECRETS_KEY_FILE   = "${local.secret_directory}/secrets-key/key.hex"
      SERVICE_IDENTITY   = "google"
      DUO_NODE_URL       = "https://${local.hosts["duo-node"]}"
      SIGPAIR_URL        = "wss://${local.hosts["sigpair-device"]}"
      # maxAgeSeconds may be absent and must not be null
      ISSUERS        = jsonencode(concat([for row in var.issuers : { for key, value in row : key => value if value != null }], local.apple))
      CHAINS         = jsonencode(var.chains)
      SWAP_ROUTERS   = jsonencode(var.swap_routers)
      LIMITS         = jsonencode(var.limits)
      PASSKEY_DOMAIN = var.passkey_domain
    }, local.app_attest)
  }
}
