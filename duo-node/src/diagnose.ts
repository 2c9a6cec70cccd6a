import { printDiagnosis, requirePresent } from '@tandem/service'
import { openStore, ref } from '@tandem/store'
import { readDuoNodeConfig } from './config.ts'

/** `node duo-node/src/diagnose.ts`, in the environment of duo-node, beside it or without it. */
await printDiagnosis({
  service: 'duo-node',
  open: async () => {
    const { store: config } = readDuoNodeConfig()
    const store = await openStore(requirePresent(config))
    return {
      databases: [{ name: 'backend', config, store }],
      checks: { store: async () => store.get(ref('health', 'probe')) },
      close: async () => store.close(),
    }
  },
})
