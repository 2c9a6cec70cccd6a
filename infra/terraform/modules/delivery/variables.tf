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

variable "github" {
  description = "Numeric id of the repository whose workflows push artefacts, and the ref they run on; null: nobody's"
  type        = object({ repository_id = string, ref = string })
  default     = null
}
