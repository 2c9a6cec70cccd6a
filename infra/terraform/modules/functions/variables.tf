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

variable "names" {
  description = "modules/policy: names.services"
  type        = map(string)
}

variable "account" {
  description = "Id of the account that functions run as"
  type        = string
}

variable "project_roles" {
  description = "modules/policy: access.project, of this part"
  type        = map(object({ part = string, role = string }))
}

variable "invokers" {
  description = "modules/policy: access.invokers"
  type        = map(string)
}

variable "functions" {
  description = "modules/policy: functions"
  type = map(object({
    ingress     = string
    target      = string
    cpu         = string
    memory      = string
    concurrency = number
    timeout_s   = number
    min         = number
    max         = number
    env         = map(string)
  }))
}

variable "env" {
  description = "modules/policy: env.functions"
  type        = map(string)
}

variable "source_bucket" {
  description = "modules/delivery: source_bucket"
  type        = string
}

variable "source_object" {
  description = "Archive in it"
  type        = string
}

variable "repository" {
  description = "modules/delivery: repository"
  type        = string
}

variable "database" {
  description = "modules/firestore: databases.backend"
  type        = string
}

variable "secrets" {
  description = "modules/secrets: secrets"
  type        = map(object({ id = string, file = optional(string), version = string }))
}

variable "connector" {
  description = "modules/network: connector"
  type        = string
}
