output "names" {
  description = "Names of accounts and services, and the members that IAM knows them by"
  value       = { accounts = local.accounts, services = local.service_names, members = local.member, key_ring = local.key_ring }
}

output "urls" {
  description = "How everybody is reached"
  value = {
    api              = "https://${local.hosts["api"]}"
    devices          = "wss://${local.hosts["sigpair-device"]}"
    duo-node         = "https://${local.hosts["duo-node"]}"
    sigpair-internal = "https://${local.hosts["sigpair-internal"]}"
    webhooks         = "https://${local.hosts["webhooks"]}"
    jobs             = local.jobs_url
  }
}

output "hosts" {
  description = "Host name of each service"
  value       = local.hosts
}

output "images" {
  description = "Images, by digest"
  value       = var.images
}

output "functions_object" {
  description = "Archive that functions are built from"
  value       = var.functions_object
}

output "edge" {
  description = "Whether a load balancer with Cloud Armor stands in front of what is public"
  value       = local.edge
}

output "services" {
  description = "Cloud Run services: size, ingress, time"
  value       = local.services
}

output "functions" {
  description = "Cloud Run functions: size, ingress, time"
  value       = local.functions
}

output "jobs" {
  description = "What the scheduler asks for, and when"
  value       = local.jobs
}

output "scheduler" {
  description = "Id of the account that the scheduler runs as"
  value       = local.scheduler
}

output "rewrap" {
  description = "The job that seals anew after a rotation of the share key"
  value       = local.rewrap
}

output "env" {
  description = "Environment of each deployable, secrets apart"
  value       = local.env

  # here and not at the variables: registry, secrets and keys exist before the first signing key does
  precondition {
    condition     = length(var.functions_keys) > 0 && length(var.duo_node_keys) > 0
    error_message = "No service starts without the public keys of functions and duo-node: see docs/deploy/google-cloud.md."
  }
}

output "secret_directory" {
  description = "Where secret files are mounted"
  value       = local.secret_directory
}

output "secrets" {
  description = "Secrets, their files, and the deployed version of each"
  value       = { for name, settings in local.secrets : name => merge(settings, { version = local.secret_versions[name] }) }
}

output "access" {
  description = "Every role that is given: on databases, keys, secrets, the project, services"
  value = {
    databases     = local.database_access
    database_role = local.database_role
    keys          = local.key_access
    secrets       = local.secret_access
    project       = local.project_roles
    invokers      = local.invokers
  }
}

output "kms" {
  description = "Protection and rotation of the keys"
  value       = { protection_level = var.protection_level, rotation_s = "${var.kms_rotation_days * 86400}s", location = var.key_location }
}

output "database_location" {
  description = "Location of all three databases"
  value       = var.database_location
}

output "databases" {
  description = "Settings of each database"
  value       = local.databases
}

output "backup_retention" {
  description = "How long a backup is kept"
  value       = "${local.backup_retention_s}s"
}

output "fields" {
  description = "One per collection: its documents expire, and nothing in them is indexed"
  value       = local.fields
}

output "alerts" {
  description = "Thresholds"
  value       = local.alerts
}

output "log_rates" {
  description = "Log lines that are normal now and then"
  value       = local.log_rates
}

output "log_lines" {
  description = "Log lines of which one is too many"
  value       = local.log_lines
}
