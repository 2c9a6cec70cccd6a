# Values of prod. Replace every example.com, id and digest.
environment       = "prod"
project_id        = "tandem-example-prod"
region            = "europe-west1"
database_location = "eur3"
key_location      = "europe"
protection_level  = "HSM"
kms_rotation_days = 90

images = {
  sigpair  = "europe-west1-docker.pkg.dev/tandem-example-prod/tandem/sigpair@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  duo-node = "europe-west1-docker.pkg.dev/tandem-example-prod/tandem/duo-node@sha256:0000000000000000000000000000000000000000000000000000000000000000"
}
functions_object = "functions-0000000000000000000000000000000000000000000000000000000000000000.zip"

# public halves: docs/deploy/google-cloud.md says how they are made
functions_keys = []
duo_node_keys  = []

issuers = [{
  issuer     = "https://securetoken.google.com/tandem-example-prod"
  audience   = "tandem-example-prod"
  jwksUrl    = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
  algorithms = ["RS256"]
}]
chains         = { "1" = "https://rpc.example.com" }
origins        = ["https://wallet.example.com"]
passkey_domain = "wallet.example.com"

api_domain    = "api.example.com"
device_domain = "sigpair.example.com"

alert_emails = ["oncall@example.com"]
budget       = { billing_account = "000000-000000-000000", currency = "EUR", units = 1500 }
github       = { repository_id = "1", ref = "refs/heads/main" }
