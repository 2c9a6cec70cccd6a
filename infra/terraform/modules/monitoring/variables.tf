variable "project_id" {
  description = "Project"
  type        = string
}

variable "project_number" {
  description = "Its number"
  type        = string
}

variable "name" {
  description = "What every name begins with"
  type        = string
}

variable "emails" {
  description = "Who is told"
  type        = list(string)
}

variable "public_hosts" {
  description = "Host names that are asked for /health/ready from outside"
  type        = map(string)
}

variable "services" {
  description = "modules/policy: names.services"
  type        = map(string)
}

variable "share_databases" {
  description = "Id of each database with shares"
  type        = map(string)
}

variable "alerts" {
  description = "modules/policy: alerts"
  type = object({
    error_ratio       = number
    latency_ms        = map(number)
    kms_errors        = number
    ready_failures_s  = number
    shrinking_percent = number
    repeat_s          = number
    auto_close_s      = number
  })
}

variable "log_rates" {
  description = "modules/policy: log_rates"
  type        = map(object({ filter = string, above = number, text = string }))
}

variable "log_lines" {
  description = "modules/policy: log_lines"
  type        = map(object({ filter = string, text = string }))
}

variable "budget" {
  description = "What a month may cost before somebody is told; null: no budget"
  type        = object({ billing_account = string, currency = string, units = number })
  default     = null
}
