variable "project_id" {
  description = "Project"
  type        = string
}

variable "name" {
  description = "What every name begins with"
  type        = string
}

variable "region" {
  description = "Region of the services"
  type        = string
}

variable "edge" {
  description = "Domain and Cloud Run service of what is public; null: no load balancer"
  type = object({
    api            = object({ domain = string, service = string })
    sigpair-device = object({ domain = string, service = string })
  })
  default = null
}
