# What each value must be is checked in modules/policy, where tests can reach it without a provider.

variable "project_id" {
  description = "Project that everything is deployed to: one per environment"
  type        = string
  nullable    = false
}

variable "environment" {
  description = "dev or prod: what may be destroyed, and how much is kept running"
  type        = string
  nullable    = false
}

variable "name" {
  description = "What every name begins with"
  type        = string
  default     = "tandem"
  nullable    = false
}

variable "region" {
  description = "Where services and keys are"
  type        = string
  default     = "europe-west1"
  nullable    = false
}

variable "database_location" {
  description = "Where the databases are. Losing presignatures loses every server share, hence several regions in production."
  type        = string
  default     = "eur3"
  nullable    = false
}

variable "database_ids" {
  description = "Databases that are not called what they are, after a restore: parties = \"parties-2\""
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "images" {
  description = "Container images of sigpair and duo-node, by digest: what was tested is what runs"
  type        = object({ sigpair = string, duo-node = string })
  nullable    = false
}

variable "functions_object" {
  description = "Archive of the bundle dist/functions in the bucket of sources; its name holds its digest"
  type        = string
  nullable    = false
}

variable "protection_level" {
  description = "Where Cloud KMS keeps the keys"
  type        = string
  default     = "HSM"
  nullable    = false
}

variable "key_location" {
  description = "Where the keys are: without them no share opens, so several regions, as with the databases"
  type        = string
  default     = "europe"
  nullable    = false
}

variable "kms_rotation_days" {
  description = "How old the primary version of the share key may become"
  type        = number
  default     = 90
  nullable    = false
}

variable "policy_delay_ms" {
  description = "How long a looser policy waits; Sigpair refuses less than a day in production"
  type        = number
  default     = 86400000
  nullable    = false
}

variable "functions_keys" {
  description = "Public keys of functions, Ed25519 JWKs; two during a rotation"
  type        = list(object({ kty = string, crv = string, x = string, kid = string }))
  default     = []
  nullable    = false
}

variable "duo_node_keys" {
  description = "Public keys of duo-node, Ed25519 JWKs; two during a rotation"
  type        = list(object({ kty = string, crv = string, x = string, kid = string }))
  default     = []
  nullable    = false
}

variable "secret_versions" {
  description = "Version of each secret that is deployed: a number, so that a new one is rolled out and back on purpose"
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "issuers" {
  description = "Who may sign users in"
  type = list(object({
    issuer        = string
    audience      = string
    jwksUrl       = string
    algorithms    = list(string)
    maxAgeSeconds = optional(number)
  }))
  nullable = false
}

variable "chains" {
  description = "JSON-RPC URL of each chain by its id"
  type        = map(string)
  nullable    = false
}

variable "apple_audiences" {
  description = "Bundle ids and services ids for Sign in with Apple; none: not offered"
  type        = list(string)
  default     = []
  nullable    = false
}

variable "app_attest" {
  description = "App that may attest devices, Apple's root as PEM, and whether new keys need it; null: nobody attests"
  type = object({
    teamId    = string
    bundleIds = list(string)
    root      = string
    required  = bool
  })
  default = null
}

variable "swap_routers" {
  description = "Uniswap-V2-style routers by chain id"
  type        = map(list(string))
  default     = {}
  nullable    = false
}

variable "limits" {
  description = "Stricter rate limits than the default, by bucket; looser ones are refused at the start"
  type        = map(number)
  default     = {}
  nullable    = false
}

variable "origins" {
  description = "Origins of web pages that may call"
  type        = list(string)
  default     = []
  nullable    = false
}

variable "passkey_domain" {
  description = "Domain that passkeys are for"
  type        = string
  nullable    = false
}

variable "api_domain" {
  description = "Host name of the backend behind the load balancer; null: the one that Cloud Run gives"
  type        = string
  default     = null
}

variable "device_domain" {
  description = "Host name of Sigpair for devices; null: the one that Cloud Run gives"
  type        = string
  default     = null
}

variable "log_level" {
  description = "From which severity lines are written"
  type        = string
  default     = "info"
  nullable    = false
}
