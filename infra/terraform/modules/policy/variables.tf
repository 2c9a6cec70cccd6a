variable "project_id" {
  description = "Project that everything is deployed to: one per environment"
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "The id of a project: 6 to 30 lower-case letters, digits and hyphens."
  }

  # functions and Sigpair take such a project for an emulator's
  validation {
    condition     = !startswith(var.project_id, "demo-")
    error_message = "Projects called demo-… belong to the Firestore emulator."
  }
}

variable "project_number" {
  description = "Its number, which is part of every Cloud Run URL"
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+$", var.project_number))
    error_message = "Digits only."
  }
}

variable "environment" {
  description = "dev or prod: what may be destroyed, and how much is kept running"
  type        = string
  nullable    = false

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "dev or prod."
  }
}

variable "name" {
  description = "What every name begins with"
  type        = string
  default     = "tandem"
  nullable    = false

  # the longest account id is this and 17 more; Google takes 30
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,10}[a-z0-9]$", var.name))
    error_message = "4 to 12 lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Where services and keys are"
  type        = string
  default     = "europe-west1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region, such as europe-west1."
  }
}

variable "database_location" {
  description = "Where the databases are. Losing presignatures loses every server share, hence several regions in production."
  type        = string
  default     = "eur3"
  nullable    = false

  validation {
    condition     = var.environment != "prod" || contains(["eur3", "nam5", "nam7"], var.database_location)
    error_message = "Production needs a multi-region location: eur3, nam5 or nam7 (docs/decisions/0009)."
  }
}

variable "databases" {
  description = "collections.generated.json: who opens which database, and what is in it"
  type = map(object({
    services    = list(string)
    recovery    = string
    collections = list(string)
  }))
  nullable = false

  validation {
    condition     = toset(keys(var.databases)) == toset(["backend", "parties", "presignatures"])
    error_message = "There are three databases: parties, presignatures, backend."
  }

  validation {
    condition     = alltrue([for name in ["parties", "presignatures"] : try(var.databases[name].services == tolist(["sigpair"]), false)])
    error_message = "Only sigpair opens the databases with shares."
  }

  # a rollback gives a peer a second answer, and brings dead shares back: docs/decisions/0004 and 0009
  validation {
    condition     = try(var.databases["presignatures"].recovery, "") == "forbidden"
    error_message = "presignatures must never be restored."
  }
}

variable "database_ids" {
  description = "Databases that are not called what they are, after a restore: parties = \"parties-2\""
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.database_ids) : contains(["parties", "backend"], name)])
    error_message = "Only parties and backend can have been restored."
  }
}

variable "images" {
  description = "Container images of sigpair and duo-node, by digest: what was tested is what runs"
  type        = object({ sigpair = string, duo-node = string })
  nullable    = false

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("@sha256:[0-9a-f]{64}$", image))])
    error_message = "Images end in @sha256: and 64 hex digits; a tag may be moved."
  }
}

variable "functions_object" {
  description = "Archive of the bundle dist/functions in the bucket of sources; its name holds its digest"
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^functions-[0-9a-f]{64}[.]zip$", var.functions_object))
    error_message = "functions-<SHA-256 in hex>.zip: another archive needs another name, or nothing is deployed."
  }
}
