data "google_project" "this" {
  project_id = var.project_id
}

locals {
  collections = jsondecode(file("${path.module}/collections.generated.json"))
  sigpair     = ["sigpair-device", "sigpair-internal", "rewrap"]
  # an account, its roles and its environment are one part's
  members = merge(module.sigpair.members, module.duo_node.members, module.functions.members)
}

module "policy" {
  source = "./modules/policy"

  project_id        = var.project_id
  project_number    = data.google_project.this.number
  environment       = var.environment
  name              = var.name
  region            = var.region
  database_location = var.database_location
  databases         = local.collections.databases
  database_ids      = var.database_ids
  images            = var.images
  functions_object  = var.functions_object
  protection_level  = var.protection_level
  key_location      = var.key_location
  kms_rotation_days = var.kms_rotation_days
  policy_delay_ms   = var.policy_delay_ms
  functions_keys    = var.functions_keys
  duo_node_keys     = var.duo_node_keys
  secret_versions   = var.secret_versions
  issuers           = var.issuers
  chains            = var.chains
  apple_audiences   = var.apple_audiences
  app_attest        = var.app_attest
  swap_routers      = var.swap_routers
  limits            = var.limits
  origins           = var.origins
  passkey_domain    = var.passkey_domain
  api_domain        = var.api_domain
  device_domain     = var.device_domain
  log_level         = var.log_level
}

module "delivery" {
  source = "./modules/delivery"

  project_id = var.project_id
  region     = var.region
  name       = var.name
  github     = var.github

  depends_on = [google_project_service.this]
}

module "network" {
  source = "./modules/network"

  project_id = var.project_id
  region     = var.region
  name       = var.name
  edge = module.policy.edge ? {
    api            = { domain = var.api_domain, service = module.policy.names.services["api"] }
    sigpair-device = { domain = var.device_domain, service = module.policy.names.services["sigpair-device"] }
  } : null

  depends_on = [google_project_service.this]
}

module "kms" {
  source = "./modules/kms"

  project_id = var.project_id
  key_ring   = module.policy.names.key_ring
  settings   = module.policy.kms
  access     = module.policy.access.keys
  members    = local.members
}

module "firestore" {
  source = "./modules/firestore"

  project_id       = var.project_id
  location         = module.policy.database_location
  databases        = module.policy.databases
  fields           = module.policy.fields
  backup_retention = module.policy.backup_retention
  access           = module.policy.access.databases
  role             = module.policy.access.database_role
  members          = local.members
}

module "secrets" {
  source = "./modules/secrets"

  project_id = var.project_id
  name       = var.name
  secrets    = module.policy.secrets
  members    = local.members
}

module "scheduler" {
  source = "./modules/scheduler"

  project_id = var.project_id
  region     = var.region
  name       = var.name
  account    = module.policy.scheduler
  rewrap_job = module.sigpair.rewrap_job
  jobs       = module.policy.jobs
  jobs_url   = module.policy.urls.jobs
}

module "monitoring" {
  source = "./modules/monitoring"

  project_id      = var.project_id
  project_number  = data.google_project.this.number
  name            = var.name
  emails          = var.alert_emails
  public_hosts    = { for part in ["api", "sigpair-device"] : part => module.policy.hosts[part] }
  services        = module.policy.names.services
  share_databases = { for name in ["parties", "presignatures"] : name => module.policy.databases[name].id }
  alerts          = module.policy.alerts
  log_rates       = module.policy.log_rates
  log_lines       = module.policy.log_lines
  budget          = var.budget
}
