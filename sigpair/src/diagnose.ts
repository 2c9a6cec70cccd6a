import { printDiagnosis, requirePresent } from '@tandem/service'
import { readSigpairConfig } from './config.ts'
import { openDatabases } from './databases.ts'
import { readinessChecks } from './internal/internal-http.ts'
import { createKms } from './seal/kms.ts'
import { createSealer } from './seal/seal.ts'

/** `node sigpair/src/diagnose.ts`, in the environment of Sigpair, beside it or without it. */
await printDiagnosis({
  service: 'sigpair',
  open: async () => {
    const { stores: configs, kms: options } = readSigpairConfig()
    Object.values(configs).forEach(requirePresent)
    const { parties, presignatures } = await openDatabases({ stores: configs })
    const kms = createKms(options)
    return {
      databases: [
        { name: 'parties', config: configs.parties, store: parties },
        { name: 'presignatures', config: configs.presignatures, store: presignatures },
      ],
      checks: readinessChecks({ parties, presignatures, sealer: createSealer(kms), now: Date.now }, kms),
      close: async () => Promise.all([parties.close(), presignatures.close(), kms.close()]),
    }
  },
})
