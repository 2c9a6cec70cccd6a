resource "google_kms_key_ring" "this" {
  name     = var.key_ring
  location = var.settings.location
}

# Wraps the data key of every share, presignature and epoch key. Source: docs/spec/storage.md, section 2.
resource "google_kms_crypto_key" "shares" {
  name            = "shares"
  key_ring        = google_kms_key_ring.this.id
  purpose         = "ENCRYPT_DECRYPT"
  rotation_period = var.settings.rotation_s
  # a version destroyed by mistake can be called back for so long
  destroy_scheduled_duration = "2592000s"

  version_template {
    algorithm        = "GOOGLE_SYMMETRIC_ENCRYPTION"
    protection_level = var.settings.protection_level
  }

  # Google cannot bring a key back: whoever means it takes the key out of the state first.
  lifecycle {
    prevent_destroy = true
  }
}

# Signs checkpoints of the audit log. Source: docs/spec/audit.md 3.2.
resource "google_kms_crypto_key" "audit" {
  name                       = "audit"
  key_ring                   = google_kms_key_ring.this.id
  purpose                    = "ASYMMETRIC_SIGN"
  destroy_scheduled_duration = "2592000s"

  version_template {
    algorithm        = "EC_SIGN_P256_SHA256"
    protection_level = var.settings.protection_level
  }

  lifecycle {
    prevent_destroy = true
  }
}

locals {
  keys = { shares = google_kms_crypto_key.shares.id, audit = google_kms_crypto_key.audit.id }
  # one role per key: who has it is one list
  bindings = { for key in keys(local.keys) : key => [for row in values(var.access) : row if row.key == key] }
}

# A binding and no member: whoever else was given the role loses it with the next apply.
resource "google_kms_crypto_key_iam_binding" "users" {
  for_each = local.bindings

  crypto_key_id = local.keys[each.key]
  role          = one(distinct([for row in each.value : row.role]))
  members       = [for row in each.value : var.members[row.part]]
}

# Who unwrapped what and when: Google's own log, which nobody of ours can change.
resource "google_project_iam_audit_config" "kms" {
  project = var.project_id
  service = "cloudkms.googleapis.com"

  audit_log_config {
    log_type = "DATA_READ"
  }

  audit_log_config {
    log_type = "DATA_WRITE"
  }
}
