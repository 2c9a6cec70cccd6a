variable "protection_level" {
  description = "Where Cloud KMS keeps the keys"
  type        = string
  default     = "HSM"
  nullable    = false

  validation {
    condition     = contains(["HSM", "SOFTWARE"], var.protection_level)
    error_message = "HSM or SOFTWARE."
  }

  validation {
    condition     = var.environment != "prod" || var.protection_level == "HSM"
    error_message = "Production keeps its keys in an HSM."
  }
}

variable "key_location" {
  description = "Where the keys are: without them no share opens, so several regions, as with the databases"
  type        = string
  default     = "europe"
  nullable    = false

  validation {
    condition     = var.environment != "prod" || contains(["europe", "us", "asia"], var.key_location)
    error_message = "Production needs a multi-region location: europe, us or asia."
  }
}

variable "kms_rotation_days" {
  description = "How old the primary version of the share key may become"
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.kms_rotation_days >= 1 && var.kms_rotation_days <= 365
    error_message = "1 to 365 days."
  }
}

variable "policy_delay_ms" {
  description = "How long a looser policy waits; Sigpair refuses less than a day in production"
  type        = number
  default     = 86400000
  nullable    = false

  validation {
    condition     = var.policy_delay_ms >= 86400000 && var.policy_delay_ms < 10000000000
    error_message = "At least a day (86400000)."
  }
}

variable "functions_keys" {
  description = "Public keys of functions, Ed25519 JWKs; two during a rotation"
  type        = list(object({ kty = string, crv = string, x = string, kid = string }))
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for key in var.functions_keys : key.kty == "OKP" && key.crv == "Ed25519" && length(key.x) == 43 && length(key.kid) == 43])
    error_message = "Ed25519 public keys as JWKs with kty, crv, x and kid."
  }
}

variable "duo_node_keys" {
  description = "Public keys of duo-node, Ed25519 JWKs; two during a rotation"
  type        = list(object({ kty = string, crv = string, x = string, kid = string }))
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for key in var.duo_node_keys : key.kty == "OKP" && key.crv == "Ed25519" && length(key.x) == 43 && length(key.kid) == 43])
    error_message = "Ed25519 public keys as JWKs with kty, crv, x and kid."
  }

  # with one key for both, duo-node could speak as the backend
  validation {
    condition     = length(setintersection([for key in var.duo_node_keys : key.x], [for key in var.functions_keys : key.x])) == 0
    error_message = "duo-node and functions have keys of their own."
  }
}

variable "secret_versions" {
  description = "Version of each secret that is deployed: a number, so that a new one is rolled out and back on purpose"
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for version in values(var.secret_versions) : can(regex("^[1-9][0-9]*$", version))])
    error_message = "Version numbers; latest would change under running instances."
  }

  validation {
    condition     = length(setsubtract(keys(var.secret_versions), ["duo-node-signing-key", "functions-signing-key", "functions-secrets-key", "webhook-secret", "webhook-secrets"])) == 0
    error_message = "There are duo-node-signing-key, functions-signing-key, functions-secrets-key, webhook-secret, webhook-secrets."
  }
}
