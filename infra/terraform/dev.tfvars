# Values of dev. Replace every example.com, id and digest.
environment       = "dev"
project_id        = "tandem-example-dev"
region            = "europe-west1"
database_location = "europe-west1"
key_location      = "europe-west1"
protection_level  = "SOFTWARE"
kms_rotation_days = 30

images = {
  sigpair  = "europe-west1-docker.pkg.dev/tandem-example-dev/tandem/sigpair@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  duo-node = "europe-west1-docker.pkg.dev/tandem-example-dev/tandem/duo-node@sha256:0000000000000000000000000000000000000000000000000000000000000000"
}
functions_object = "functions-0000000000000000000000000000000000000000000000000000000000000000.zip"

# public halves: docs/deploy/google-cloud.md says how they are made
functions_keys = []
duo_node_keys  = []

issuers = [{
  issuer     = "https://securetoken.google.com/tandem-example-dev"
  audience   = "tandem-example-dev"
  jwksUrl    = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
  algorithms = ["RS256"]
}]
chains         = { "11155111" = "https://rpc.example.com" }
origins        = ["https://wallet.dev.example.com"]
passkey_domain = "wallet.dev.example.com"

# no load balancer: services are reached by the names that Cloud Run gives
api_domain    = null
device_domain = null
log_level     = "debug"

alert_emails = ["oncall@example.com"]
budget       = { billing_account = "000000-000000-000000", currency = "EUR", units = 150 }
github       = null

deletion_protection = false
