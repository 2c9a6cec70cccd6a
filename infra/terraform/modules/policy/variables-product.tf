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

  validation {
    condition     = length(var.issuers) > 0
    error_message = "At least one issuer."
  }

  validation {
    condition     = alltrue([for row in var.issuers : startswith(row.jwksUrl, "https://")])
    error_message = "Whoever answers in place of an issuer signs in as anybody: https only."
  }
}

variable "chains" {
  description = "JSON-RPC URL of each chain by its id"
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for id, url in var.chains : can(regex("^[1-9][0-9]{0,15}$", id)) && startswith(url, "https://")])
    error_message = "Chain id to https URL."
  }
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

  validation {
    condition     = alltrue([for origin in var.origins : can(regex("^https://[^/*]+$", origin))])
    error_message = "https origins without path or wildcard."
  }
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

  validation {
    condition     = (var.api_domain == null) == (var.device_domain == null)
    error_message = "api_domain and device_domain are set together: one load balancer serves both."
  }
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

  validation {
    condition     = contains(["debug", "info", "warn", "error"], var.log_level)
    error_message = "debug, info, warn or error: without logs there are no alerts."
  }
}
