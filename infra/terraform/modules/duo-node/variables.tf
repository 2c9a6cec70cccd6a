variable "project_id" {
  description = "Project"
  type        = string
}

variable "region" {
  description = "Region"
  type        = string
}

variable "account" {
  description = "Id of its account"
  type        = string
}

variable "service_name" {
  description = "Name of the service"
  type        = string
}

variable "project_roles" {
  description = "modules/policy: access.project, of this part"
  type        = map(object({ part = string, role = string }))
}

variable "invoker" {
  description = "Who gets past Cloud Run's own check"
  type        = string
}

variable "audience" {
  description = "modules/policy: urls.duo-node; what ID tokens of callers are for"
  type        = string
}

variable "service" {
  description = "modules/policy: services.duo-node"
  type = object({
    ingress     = string
    port        = number
    cpu         = string
    memory      = string
    concurrency = number
    timeout_s   = number
    min         = number
    max         = number
    cpu_idle    = bool
  })
}

variable "env" {
  description = "modules/policy: env.duo-node"
  type        = map(string)
}

variable "image" {
  description = "Image of duo-node, by digest"
  type        = string
}

variable "database" {
  description = "modules/firestore: databases.backend"
  type        = string
}

variable "signing_key" {
  description = "modules/secrets: duo-node-signing-key"
  type        = object({ id = string, file = string, version = string })
}

variable "webhook_secret" {
  description = "modules/secrets: webhook-secret"
  type        = object({ id = string, version = string })
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
