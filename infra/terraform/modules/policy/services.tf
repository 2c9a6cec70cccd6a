locals {
  prod = var.environment == "prod"

  # One dialogue is one socket on one instance, at most 30 s; an hour is what Cloud Run gives a request at most.
  services = {
    sigpair-device = {
      ingress     = local.edge ? "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER" : "INGRESS_TRAFFIC_ALL"
      port        = 8080
      cpu         = "2"
      memory      = "1Gi"
      concurrency = 250
      timeout_s   = 3600
      min         = 1
      max         = local.prod ? 20 : 2
      # it sweeps, pings and finishes dialogues while no request runs
      cpu_idle = false
    }
    sigpair-internal = {
      ingress     = "INGRESS_TRAFFIC_INTERNAL_ONLY"
      port        = 8081
      cpu         = "2"
      memory      = "1Gi"
      concurrency = 80
      timeout_s   = 60
      min         = 1
      max         = local.prod ? 20 : 2
      cpu_idle    = false
    }
    duo-node = {
      ingress     = "INGRESS_TRAFFIC_INTERNAL_ONLY"
      port        = 3001
      cpu         = "1"
      memory      = "512Mi"
      concurrency = 250
      # Socket.IO: an hour, then the client connects again
      timeout_s = 3600
      min       = 1
      max       = local.prod ? 10 : 2
      # it asks for events every second
      cpu_idle = false
    }
  }

  functions = {
    api = {
      ingress     = local.edge ? "ALLOW_INTERNAL_AND_GCLB" : "ALLOW_ALL"
      target      = "api"
      cpu         = "1"
      memory      = "512Mi"
      concurrency = 80
      timeout_s   = 60
      min         = local.prod ? 1 : 0
      max         = local.prod ? 50 : 3
      env         = {}
    }
    webhooks = {
      # only duo-node calls it
      ingress     = "ALLOW_INTERNAL_ONLY"
      target      = "webhooks"
      cpu         = "1"
      memory      = "512Mi"
      concurrency = 80
      timeout_s   = 60
      min         = 0
      max         = local.prod ? 10 : 2
      env         = {}
    }
    jobs = {
      # only the scheduler calls it, which counts as internal
      ingress     = "ALLOW_INTERNAL_ONLY"
      target      = "jobs"
      cpu         = "1"
      memory      = "512Mi"
      concurrency = 10
      timeout_s   = 60
      min         = 0
      max         = 2
      env         = { JOBS_CALLER = jsonencode(local.jobs_caller) }
    }
  }

  rewrap = { timeout_s = 3600, cpu = "1", memory = "512Mi", retries = 1 }
}
