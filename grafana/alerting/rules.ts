import { QueryBuilder, RuleBuilder } from '@grafana/grafana-foundation-sdk/alerting';
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import { TypeReduceBuilder, TypeThresholdBuilder } from '@grafana/grafana-foundation-sdk/expr';
import type { Rule } from '../../hub/alerts/index.ts';
import { INFLUX } from '../datasources.ts';
import { conditionOf } from './condition.ts';
import { placeOf } from './places.ts';

/** The folder of the rules. */
export const ALERT_FOLDER = 'Headwater alerts';

/** Where runbooks are, unless the generator is told: an address that Grafana takes from its environment (since Grafana expands variables in annotations). */
export const RUNBOOKS = '${HEADWATER_RUNBOOK_URL}';

/** Grafana's own expressions. */
const EXPRESSION = { type: '__expr__', uid: '__expr__' };
const EVALUATED_EVERY = '10s';

/**
 * The hub's rules as Grafana's provisioning has them: one group for each topic. Each rule is a Flux query for one number of each series, the last of these
 * numbers, and a threshold.
 * @param runbooks where the pages `<rule id>.md` are
 * @throws Error naming the rule and what cannot be said of it
 */
export function alertRules(rules: readonly Rule[], runbooks = RUNBOOKS): object {
  const byTopic = Map.groupBy(rules, (rule) => rule.topic.name);
  const groups = Array.from(byTopic, ([name, of]) => ({
    orgId: 1,
    name,
    folder: ALERT_FOLDER,
    interval: EVALUATED_EVERY,
    rules: of.map((rule) => alertRule(rule, runbooks)),
  }));
  return { apiVersion: 1, groups };
}

function alertRule(rule: Rule, runbooks: string): object {
  const { flux, lookbackMs, evaluator, labels, numbers } = conditionOf(rule);
  const seconds = lookbackMs / 1_000;
  const builder = new RuleBuilder(titleOf(rule.id))
    .uid(`headwater-${rule.id}`.slice(0, 40))
    .condition('firing')
    .withQuery(influx('A', flux, seconds))
    .withQuery(expression('value', new TypeReduceBuilder().reducer('last').expression('A')))
    .withQuery(
      expression(
        'firing',
        new TypeThresholdBuilder()
          .expression('value')
          .conditions([{ evaluator: { type: evaluator.type, params: [...evaluator.params] } }]),
      ),
    )
    .forDuration(`${Math.ceil(rule.forMs / 1_000)}s`)
    // A rule about something that is not there is no alarm; that nothing is stored any more is told by gateway-silent.
    .noDataState('OK')
    .execErrState('Error')
    .labels({ rule: rule.id, severity: rule.severity })
    .annotations({ summary: summaryOf(rule, labels, numbers), runbook_url: `${runbooks}/${rule.id}.md` });
  for (const [field, query] of numbers) {
    builder.withQuery(influx(`q_${refOf(field)}`, query, seconds));
    builder.withQuery(
      expression(refOf(field), new TypeReduceBuilder().reducer('last').expression(`q_${refOf(field)}`)),
    );
  }
  // In a file a rule's group and folder are told by where it stands.
  const { folderUID: _, ruleGroup: __, orgID: ___, ...built } = builder.build();
  return { ...built, ...placeOf(rule) };
}

function influx(refId: string, query: string, seconds: number) {
  const model = { refId, query, datasource: INFLUX, intervalMs: 1_000, maxDataPoints: 43_200 };
  return new QueryBuilder(refId)
    .datasourceUid(INFLUX.uid)
    .relativeTimeRange({ from: seconds, to: 0 })
    .model(asBuilder({ ...model, _implementsDataqueryVariant() {} }));
}

function expression(refId: string, builder: TypeReduceBuilder | TypeThresholdBuilder) {
  const model = builder.refId(refId).datasource(EXPRESSION).build();
  return new QueryBuilder(refId)
    .datasourceUid(EXPRESSION.uid)
    .relativeTimeRange({ from: 0, to: 0 })
    .model(asBuilder(model));
}

const asBuilder = (query: Dataquery): Builder<Dataquery> => ({ build: () => query });

const titleOf = (id: string) => `${id[0]!.toUpperCase()}${id.slice(1).replaceAll('-', ' ')}`;

/**
 * The summary as a template of Grafana's: labels by their names, the judged number, and other numbers of the record, for which there are queries. A text that
 * is no label is not known to Grafana.
 */
function summaryOf({ summary }: Rule, labels: readonly string[], numbers: ReadonlyMap<string, string>): string {
  return summary.replaceAll(/\{([\w.]+)\}/g, (_, name: string) => {
    if (labels.includes(name)) return `{{ .Labels.${name} }}`;
    if (name !== 'value' && !numbers.has(name)) return '…';
    return `{{ printf "%.4g" (index .Values "${refOf(name)}").Value }}`;
  });
}

const refOf = (field: string) => field.replaceAll(/\W/g, '_');
