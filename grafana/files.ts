import { stringify } from 'yaml';
import { loadRules } from '../hub/alerts/index.ts';
import { contactPoints, policies } from './alerting/notify.ts';
import { alertRules } from './alerting/rules.ts';
import { DASHBOARDS } from './dashboards/index.ts';
import { influxSource, prometheusSource } from './datasources.ts';
import { referencePage } from './reference.ts';
import { renderDashboard } from './render.ts';
import type { FolderId } from './spec.ts';

const FOLDERS: Readonly<Record<FolderId, { title: string; uid: string }>> = {
  platform: { title: 'Headwater platform', uid: 'headwater-platform' },
  results: { title: 'Headwater results', uid: 'headwater-results' },
};

/** Where Grafana finds the dashboards, unless its environment says otherwise. */
const DASHBOARDS_PATH = '${HEADWATER_DASHBOARDS}';

/** All that Grafana's provisioning reads, by path below `grafana/generated/`. `runbooks` is the address of docs/runbooks. */
export function provisioning(runbooks?: string): Map<string, string> {
  const rules = loadRules();
  const files = new Map<string, string>();
  const yaml = (path: string, what: object) => files.set(`provisioning/${path}.yaml`, HEADER + toYaml(what));
  yaml('datasources/influxdb', influxSource());
  yaml('datasources/prometheus', prometheusSource());
  yaml('dashboards/headwater', providers());
  yaml('alerting/rules', alertRules(rules, runbooks));
  yaml('alerting/contact-points', contactPoints());
  yaml('alerting/policies', policies(rules));
  for (const dashboard of DASHBOARDS) {
    const path = `dashboards/${dashboard.folder}/${dashboard.uid.replace('headwater-', '')}.json`;
    files.set(path, `${JSON.stringify(renderDashboard(dashboard), undefined, 1)}\n`);
  }
  return files;
}

/** Documentation that is made of the same code, by path below the project. */
export function documentation(): Map<string, string> {
  return new Map([['docs/reference/dashboards.md', referencePage(loadRules())]]);
}

const HEADER = '# Made by `npm run grafana` from grafana/ and hub/alerts/rules: change those.\n';

/** Functions are the SDK's marks on queries. */
const toYaml = (what: object) =>
  stringify(JSON.parse(JSON.stringify(what)), { lineWidth: 0, aliasDuplicateObjects: false });

function providers(): object {
  return {
    apiVersion: 1,
    providers: Object.entries(FOLDERS).map(([id, { title, uid }]) => ({
      name: title,
      orgId: 1,
      folder: title,
      folderUid: uid,
      type: 'file',
      disableDeletion: false,
      allowUiUpdates: false,
      updateIntervalSeconds: 30,
      options: { path: `${DASHBOARDS_PATH}/${id}`, foldersFromFilesStructure: false },
    })),
  };
}
