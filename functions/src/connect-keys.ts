import { backUp } from './http/backup.ts'
import { deleteProfile } from './http/delete-profile.ts'
import { drill } from './http/drill.ts'
import { cancelExport, confirmExport, type ExportDeps, prepareExport } from './http/export.ts'
import { freeze } from './http/freeze.ts'
import { replaceRecoveryKey } from './http/recovery-key.ts'
import { cancelRestore, confirmRestore, requestRestore, type RestoreDeps } from './http/restore.ts'
import { rotateKey } from './http/rotate-key.ts'
import { abortStage, readStage, type StagesDeps } from './http/stages.ts'
import type { Ports } from './ports.ts'
import { proveOnce } from './two-factor/prove-once.ts'

/** The endpoints of a key's life after its first commit, holding exactly what each may do to the world. */
export function connectKeys({ store, sigpair, profiles, requireTwoFactor, exclusively, now }: Ports) {
  const { prepareExport, confirmExport, cancelExport, requestRestore, confirmRestore, cancelRestore } = sigpair
  const requireProfile = profiles.require
  const owned = { requireProfile, proveOnce: proveOnce({ store, requireTwoFactor, exclusively, now }) }
  return {
    ...connectStages({ readStage: sigpair.readStage, abortStage: sigpair.abortStage }),
    rotateKey: rotateKey({ ...owned, readStage: sigpair.readStage, rotateKey: sigpair.rotateKey }),
    backUp: backUp({ ...owned, backUpKey: sigpair.backUpKey }),
    replaceRecoveryKey: replaceRecoveryKey({ ...owned, replaceRecoveryKey: sigpair.replaceRecoveryKey }),
    ...connectExport({ ...owned, prepareExport, confirmExport, cancelExport }),
    ...connectRestore({ ...owned, requestRestore, confirmRestore, cancelRestore }),
    drill: drill({ requireProfile, drillKey: sigpair.drillKey }),
    freeze: freeze({ requireProfile, requireTwoFactor, readKey: sigpair.readKey, freezeKey: sigpair.freezeKey }),
    deleteProfile: deleteProfile({
      ...owned,
      findDeleted: profiles.findDeleted,
      readKey: sigpair.readKey,
      deleteKey: sigpair.deleteKey,
      forgetProfile: profiles.forget,
    }),
  }
}

function connectStages(deps: StagesDeps) {
  return { readStage: readStage(deps), abortStage: abortStage(deps) }
}

function connectExport(deps: ExportDeps) {
  return {
    prepareExport: prepareExport(deps),
    confirmExport: confirmExport(deps),
    cancelExport: cancelExport(deps),
  }
}

function connectRestore(deps: RestoreDeps) {
  return {
    requestRestore: requestRestore(deps),
    confirmRestore: confirmRestore(deps),
    cancelRestore: cancelRestore(deps),
  }
}
