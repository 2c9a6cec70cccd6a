# Accounts are made first, then what they may open, then the services: Terraform orders by value, and no module waits for a
# whole other one. (So no depends_on here: it would close a circle.)

locals {
  invokers = { for part, account in module.policy.access.invokers : part => account == null ? "allUsers" : local.callers[account] }
  callers  = merge(module.duo_node.members, module.functions.members)
}

module "sigpair" {
  source = "./modules/sigpair"

  project_id          = var.project_id
  region              = var.region
  name                = var.name
  names               = module.policy.names.services
  accounts            = { for part in local.sigpair : part => module.policy.names.accounts[part] }
  project_roles       = { for key, row in module.policy.access.project : key => row if contains(local.sigpair, row.part) }
  invokers            = local.invokers
  audience            = module.policy.urls["sigpair-internal"]
  services            = { for part in ["sigpair-device", "sigpair-internal"] : part => module.policy.services[part] }
  rewrap              = module.policy.rewrap
  env                 = { for part in local.sigpair : part => module.policy.env[part] }
  image               = module.policy.images.sigpair
  share_key           = module.kms.share_key
  audit_key_version   = module.kms.audit_key_version
  databases           = module.firestore.databases
  network             = module.network.network
  subnetwork          = module.network.subnetwork
  deletion_protection = var.deletion_protection
}

module "duo_node" {
  source = "./modules/duo-node"

  project_id          = var.project_id
  region              = var.region
  account             = module.policy.names.accounts["duo-node"]
  service_name        = module.policy.names.services["duo-node"]
  project_roles       = { for key, row in module.policy.access.project : key => row if row.part == "duo-node" }
  invoker             = local.invokers["duo-node"]
  audience            = module.policy.urls["duo-node"]
  service             = module.policy.services["duo-node"]
  env                 = module.policy.env["duo-node"]
  image               = module.policy.images.duo-node
  database            = module.firestore.databases["backend"]
  signing_key         = module.secrets.secrets["duo-node-signing-key"]
  webhook_secret      = module.secrets.secrets["webhook-secret"]
  network             = module.network.network
  subnetwork          = module.network.subnetwork
  deletion_protection = var.deletion_protection
}

module "functions" {
  source = "./modules/functions"

  project_id    = var.project_id
  region        = var.region
  name          = var.name
  names         = module.policy.names.services
  account       = module.policy.names.accounts["functions"]
  project_roles = { for key, row in module.policy.access.project : key => row if row.part == "functions" }
  invokers      = local.invokers
  functions     = module.policy.functions
  env           = module.policy.env["functions"]
  source_bucket = module.delivery.source_bucket
  source_object = module.policy.functions_object
  repository    = module.delivery.repository
  database      = module.firestore.databases["backend"]
  secrets       = module.secrets.secrets
  connector     = module.network.connector
}
