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

variable "accounts" {
  description = "Account ids of sigpair-device, sigpair-internal and rewrap"
  type        = map(string)
}

variable "project_roles" {
  description = "modules/policy: access.project, of these parts"
  type        = map(object({ part = string, role = string }))
}

variable "invokers" {
  description = "modules/policy: access.invokers"
  type        = map(string)
}

variable "audience" {
  description = "modules/policy: urls.sigpair-internal; what ID tokens of duo-node are for"
  type        = string
}

variable "services" {
  description = "modules/policy: services, of both roles"
  type = map(object({
    ingress     = string
    port        = number
    cpu         = string
    memory      = string
    concurrency = number
    timeout_s   = number
    min         = number
    max         = number
    cpu_idle    = bool
  }))
}

variable "rewrap" {
  description = "modules/policy: rewrap"
  type        = object({ timeout_s = number, cpu = string, memory = string, retries = number })
}

variable "env" {
  description = "modules/policy: env"
  type        = map(map(string))
}

variable "image" {
  description = "Image of sigpair, by digest"
  type        = string
}

variable "share_key" {
  description = "modules/kms: share_key"
  type        = string
}

variable "audit_key_version" {
  description = "modules/kms: audit_key_version"
  type        = string
}

variable "databases" {
  description = "modules/firestore: databases"
  type        = map(string)
}

variable "network" {
  description = "modules/network: network"
  type        = string
}

variable "subnetwork" {
  description = "modules/network: subnetwork"
  type        = string
}

variable "deletion_protection" {
  description = "Whether Terraform may not delete it"
  type        = bool
}
