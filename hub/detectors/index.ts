import { HeadwaterError } from '../../contract/index.ts';
import { adaptive } from './adaptive.ts';
import { gaussian } from './gaussian.ts';
import type { Detector, DetectorOptions } from './types.ts';

export { type ScoreFileOptions, scoreFile } from './score-file.ts';
export type { Detector, DetectorOptions, Verdict } from './types.ts';

/** The detectors by name. */
export const DETECTORS = { adaptive, gaussian } as const satisfies Record<
  string,
  (options?: DetectorOptions) => Detector
>;
export type DetectorName = keyof typeof DETECTORS;

/** @throws HeadwaterError `DETECTOR_UNKNOWN` */
export function createDetector(name: string, options?: DetectorOptions): Detector {
  if (!Object.hasOwn(DETECTORS, name))
    throw new HeadwaterError(
      'DETECTOR_UNKNOWN',
      `There is no detector "${name}". There are: ${Object.keys(DETECTORS).join(', ')}`,
    );
  return DETECTORS[name as DetectorName](options);
}
