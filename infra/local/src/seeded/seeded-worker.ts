import { workerData } from 'node:worker_threads'
import { drawFrom } from '../../../../sigpair/src/compute/arithmetic.ts'
import { seeded } from './seeded.ts'

/** Sigpair's tasks in a thread that draws from a seed, which `workerData` is. */
drawFrom(seeded(String(workerData)))

export {
  completeSignature,
  dialogue,
  encryptShare,
  probe,
  proveShare,
  releasePart,
  sealShare,
} from '../../../../sigpair/src/compute/worker.ts'
