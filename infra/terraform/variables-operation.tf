variable "alert_emails" {
  description = "Who is told when something breaks"
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.alert_emails) > 0
    error_message = "Somebody must be told."
  }
}

variable "budget" {
  description = "What a month may cost before somebody is told; null: no budget"
  type        = object({ billing_account = string, currency = string, units = number })
  default     = null
}

variable "github" {
  description = "Numeric id of the repository whose workflows push artefacts, and the ref they run on; null: nobody's"
  type        = object({ repository_id = string, ref = string })
  default     = null
}

variable "deletion_protection" {
  description = "Whether Terraform may not delete the services of Sigpair and duo-node"
  type        = bool
  default     = true
  nullable    = false
}
