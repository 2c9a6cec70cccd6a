variable "project_id" {
  description = "Project"
  type        = string
}

variable "region" {
  description = "Region"
  type        = string
}

variable "name" {
  description = "What every name begins with"
  type        = string
}

variable "rewrap_job" {
  description = "modules/sigpair: rewrap_job"
  type        = string
}

variable "account" {
  description = "modules/policy: scheduler"
  type        = string
}

variable "jobs" {
  description = "modules/policy: jobs"
  type        = map(object({ schedule = string, text = string }))
}

variable "jobs_url" {
  description = "modules/policy: urls.jobs"
  type        = string
}
