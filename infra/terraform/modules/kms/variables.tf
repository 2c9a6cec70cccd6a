variable "project_id" {
  description = "Project"
  type        = string
}

variable "key_ring" {
  description = "Name of the key ring"
  type        = string
}

variable "settings" {
  description = "modules/policy: kms"
  type        = object({ protection_level = string, rotation_s = string, location = string })
}

variable "access" {
  description = "modules/policy: access.keys"
  type        = map(object({ part = string, key = string, role = string }))
}

variable "members" {
  description = "IAM member of each part"
  type        = map(string)
}
