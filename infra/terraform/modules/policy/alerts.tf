locals {
  # What somebody is woken for. Sockets are long requests: latency is watched where an answer is awaited.
  alerts = {
    error_ratio      = 0.02
    latency_ms       = { sigpair-internal = 5000, duo-node = 8000, api = 10000 }
    kms_errors       = local.prod ? 5 : 50
    ready_failures_s = 300
    # of the size an hour before
    shrinking_percent = -20
    # at most one message an hour about the same kind of line
    repeat_s     = 3600
    auto_close_s = 86400
  }

  # lines that are normal now and then: how many in ten minutes are not
  log_rates = {
    frozen-keys = {
      filter = "resource.type=\"cloud_run_revision\" AND jsonPayload.event=\"webhook\" AND jsonPayload.type=\"key.frozen\""
      above  = local.prod ? 3 : 20
      text   = "Keys freeze after a failed check: somebody cheats, or a release is wrong."
    }
    no-checkpoints = {
      filter = "resource.type=\"cloud_run_revision\" AND jsonPayload.event=\"audit.checkpoint-failed\""
      above  = 2
      text   = "Heads of the audit log go unsigned."
    }
  }

  # lines of which one is too many
  log_lines = {
    dead-letters = {
      filter = "jsonPayload.event=\"webhook.dead\""
      text   = "The backend has refused an event for good. It lies in dead-letters of the database backend."
    }
    lost-verdicts = {
      filter = "jsonPayload.event=\"verdict-not-recorded\" AND severity>=ERROR"
      text   = "A key may have to be frozen by hand: its verdict could not be written."
    }
    old-dead-letters = {
      filter = "jsonPayload.event=\"dead-letters\""
      text   = "Events still lie in dead-letters of the database backend; the line counts them."
    }
    failed-jobs = {
      filter = "jsonPayload.event=\"job.failed\""
      text   = "What the scheduler asks for could not be done. It asks again; the line says what and why."
    }
    not-started = {
      filter = "jsonPayload.event=\"not-started\""
      text   = "An instance does not start; the line says why."
    }
    rewrap = {
      filter = "jsonPayload.event=(\"rewrap.failed\" OR \"rewrap.unreadable\")"
      text   = "Old versions of the share key must stay enabled until this is solved."
    }
    # Cloud Audit Logs: a copy of a share database is never made, and nobody deletes one in passing
    database-admin = {
      filter = "protoPayload.serviceName=\"firestore.googleapis.com\" AND protoPayload.methodName=~\"FirestoreAdmin[.](ExportDocuments|ImportDocuments|BulkDeleteDocuments|DeleteDatabase|UpdateDatabase|CreateBackupSchedule|RestoreDatabase|CloneDatabase)$\""
      text   = "Somebody exports, imports, restores, changes, empties or deletes a database."
    }
    key-admin = {
      filter = "protoPayload.serviceName=\"cloudkms.googleapis.com\" AND protoPayload.methodName=~\"(DestroyCryptoKeyVersion|UpdateCryptoKeyVersion|SetIamPolicy)$\""
      text   = "Somebody destroys or disables a key version, or gives a key to someone."
    }
  }
}
