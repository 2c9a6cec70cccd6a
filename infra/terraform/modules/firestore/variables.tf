variable "project_id" {
  description = "Project"
  type        = string
}

variable "location" {
  description = "Location of all three databases"
  type        = string
}

variable "databases" {
  description = "modules/policy: databases"
  type = map(object({
    id                     = string
    point_in_time_recovery = bool
    backups                = bool
    delete_protection      = bool
  }))
}

variable "fields" {
  description = "modules/policy: fields"
  type        = map(object({ database = string, collection = string }))
}

variable "backup_retention" {
  description = "How long a backup is kept, such as 604800s"
  type        = string
}

variable "access" {
  description = "modules/policy: access.databases"
  type        = map(object({ part = string, database = string }))
}

variable "role" {
  description = "modules/policy: access.database_role"
  type        = string
}

variable "members" {
  description = "IAM member of each part"
  type        = map(string)
}
