variable "project_id" {
  description = "Project"
  type        = string
}

variable "name" {
  description = "What every name begins with"
  type        = string
}

variable "secrets" {
  description = "modules/policy: secrets"
  type        = map(object({ parts = list(string), file = optional(string), version = string }))
}

variable "members" {
  description = "IAM member of each part"
  type        = map(string)
}
