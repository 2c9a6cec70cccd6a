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
