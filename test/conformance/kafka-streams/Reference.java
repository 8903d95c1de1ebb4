import static java.util.stream.Collectors.counting;
import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.joining;

import java.io.FileReader;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Merger;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/**
 * The answers of Kafka Streams, for comparison. Arguments: a file of properties (connection, application id), then name=value: `topology` (tumbling, hopping,
 * session, rekeyed, table, inner, left, outer), `in`, `right` (joins), `out`, `updates` (windows), and in ms `size`, `advance`, `gap`, `grace`, `within`,
 * `after` (where it is not as `within`), `history`. Values are JSON objects with `ts` (ms), `v` (a number), `amount` (that as a decimal text) and `group`; rows
 * out are JSON. Windows go to `out` when they close, and to `updates` at each change. Ends at SIGTERM, when what it has is out.
 */
public class Reference {
  static final Pattern TS = Pattern.compile("\"ts\":(-?\\d+)");
  static final Pattern V = Pattern.compile("\"v\":(-?[\\d.eE+-]+)");
  static final Pattern AMOUNT = Pattern.compile("\"amount\":\"([^\"]+)\"");
  static final Pattern GROUP = Pattern.compile("\"group\":\"([^\"]+)\"");

  /** What a window has seen: plain text between steps, so that every store can hold it. */
  record Sums(long count, double sum, double min, double max, double mean, double m2, long firstTs, double first, long lastTs, double last,
      BigDecimal total, BigDecimal most, String values) {
    static final BigDecimal LEAST = new BigDecimal("-1e9");
    static final Sums NONE = new Sums(0, 0, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 0, 0, Long.MAX_VALUE, 0, Long.MIN_VALUE, 0,
        BigDecimal.ZERO, LEAST, "");

    /** `value` is how `v` was written. */
    Sums add(long ts, double v, BigDecimal amount, String value) {
      long n = count + 1;
      double d = v - mean;
      double m = mean + d / n;
      boolean earlier = ts < firstTs;
      boolean later = ts >= lastTs;
      return new Sums(n, sum + v, Math.min(min, v), Math.max(max, v), m, m2 + d * (v - m),
          earlier ? ts : firstTs, earlier ? v : first, later ? ts : lastTs, later ? v : last,
          total.add(amount), most.max(amount), count == 0 ? value : values + "," + value);
    }

    Sums merge(Sums o) {
      if (count == 0) return o;
      if (o.count == 0) return this;
      long n = count + o.count;
      double d = o.mean - mean;
      boolean earlier = o.firstTs < firstTs;
      boolean later = o.lastTs >= lastTs;
      return new Sums(n, sum + o.sum, Math.min(min, o.min), Math.max(max, o.max), mean + d * o.count / n,
          m2 + o.m2 + d * d * count * o.count / n, Math.min(firstTs, o.firstTs), earlier ? o.first : first,
          Math.max(lastTs, o.lastTs), later ? o.last : last, total.add(o.total), most.max(o.most), values + "," + o.values);
    }

    String text() {
      return count + " " + sum + " " + min + " " + max + " " + mean + " " + m2 + " " + firstTs + " " + first + " " + lastTs + " " + last
          + " " + total + " " + most + " " + values;
    }

    static Sums of(String text) {
      if (text.isEmpty()) return NONE;
      String[] p = text.split(" ");
      return new Sums(Long.parseLong(p[0]), Double.parseDouble(p[1]), Double.parseDouble(p[2]), Double.parseDouble(p[3]), Double.parseDouble(p[4]),
          Double.parseDouble(p[5]), Long.parseLong(p[6]), Double.parseDouble(p[7]), Long.parseLong(p[8]), Double.parseDouble(p[9]),
          new BigDecimal(p[10]), new BigDecimal(p[11]), p[12]);
    }
  }

  static long ts(String json) {
    return (long) number(TS, json);
  }

  static double number(Pattern pattern, String json) {
    return Double.parseDouble(text(pattern, json));
  }

  static String text(Pattern pattern, String json) {
    Matcher found = pattern.matcher(json);
    if (!found.find()) throw new IllegalArgumentException("no " + pattern + " in " + json);
    return found.group(1);
  }

  /** `text` is null of a session that is no more. */
  static String row(Windowed<String> window, String text) {
    String name = "{\"key\":\"" + window.key() + "\",\"start\":" + window.window().start() + ",\"end\":" + window.window().end();
    if (text == null) return name + ",\"count\":0}";
    Sums s = Sums.of(text);
    List<String> values = Arrays.asList(s.values.split(","));
    double[] sorted = values.stream().mapToDouble(Double::parseDouble).sorted().toArray();
    Map<String, Long> counts = values.stream().collect(groupingBy(value -> value, counting()));
    Comparator<Map.Entry<String, Long>> most = Map.Entry.<String, Long>comparingByValue().reversed();
    String often = counts.entrySet().stream().sorted(most.thenComparing(Map.Entry.comparingByKey())).limit(3)
        .map(one -> "{\"value\":\"" + one.getKey() + "\",\"count\":" + one.getValue() + ",\"error\":0}").collect(joining(","));
    return name + ",\"count\":" + s.count
        + ",\"sum\":" + s.sum + ",\"min\":" + s.min + ",\"max\":" + s.max + ",\"mean\":" + s.mean
        + ",\"variance\":" + s.m2 / s.count + ",\"first\":" + s.first + ",\"last\":" + s.last
        + ",\"range\":" + (s.max - s.min) + ",\"share\":" + (double) Arrays.stream(sorted).filter(v -> v > 0).count() / s.count
        + ",\"total\":\"" + plain(s.total) + "\",\"most\":\"" + plain(s.most) + "\",\"different\":" + counts.size()
        + ",\"p50\":" + at(sorted, 0.5) + ",\"p90\":" + at(sorted, 0.9) + ",\"often\":[" + often + "]}";
  }

  static String plain(BigDecimal decimal) {
    return decimal.stripTrailingZeros().toPlainString();
  }

  static double at(double[] sorted, double q) {
    return sorted[(int) Math.floor(q * (sorted.length - 1))];
  }

  static String pair(String key, String left, String right) {
    return "{\"key\":\"" + key + "\",\"left\":" + left + ",\"right\":" + right + "}";
  }

  public static void main(String[] args) throws Exception {
    Properties properties = new Properties();
    try (FileReader reader = new FileReader(args[0])) {
      properties.load(reader);
    }
    Map<String, String> o = new HashMap<>();
    Arrays.stream(args).skip(1).map(arg -> arg.split("=", 2)).forEach(arg -> o.put(arg[0], arg[1]));

    StreamsBuilder builder = new StreamsBuilder();
    Consumed<String, String> consumed =
        Consumed.with(Serdes.String(), Serdes.String()).withTimestampExtractor((record, before) -> ts((String) record.value()));
    Produced<String, String> produced = Produced.with(Serdes.String(), Serdes.String());
    KStream<String, String> in = builder.stream(o.get("in"), consumed);
    Aggregator<String, String, String> add = (key, json, sums) -> Sums.of(sums).add(ts(json), number(V, json), new BigDecimal(text(AMOUNT, json)), text(V, json)).text();

    String topology = o.get("topology");
    switch (topology) {
      case "tumbling", "hopping", "rekeyed" -> {
        TimeWindows windows = TimeWindows.ofSizeAndGrace(ms(o, "size"), ms(o, "grace"));
        if (topology.equals("hopping")) windows = windows.advanceBy(ms(o, "advance"));
        Materialized<String, String, WindowStore<Bytes, byte[]>> store = Materialized.with(Serdes.String(), Serdes.String());
        KGroupedStream<String, String> grouped = topology.equals("rekeyed")
            ? in.groupBy((key, json) -> text(GROUP, json), Grouped.with(Serdes.String(), Serdes.String()))
            : in.groupByKey();
        put(grouped.windowedBy(windows).aggregate(() -> "", add, store), o, produced);
      }
      case "session" -> {
        SessionWindows windows = SessionWindows.ofInactivityGapAndGrace(ms(o, "gap"), ms(o, "grace"));
        Materialized<String, String, SessionStore<Bytes, byte[]>> store = Materialized.with(Serdes.String(), Serdes.String());
        Merger<String, String> merge = (key, a, b) -> Sums.of(a).merge(Sums.of(b)).text();
        put(in.groupByKey().windowedBy(windows).aggregate(() -> "", add, merge, store), o, produced);
      }
      case "table" -> {
        // A versioned store: a record meets the version of its own time. A row has the time at which it was appended.
        Consumed<String, String> rows =
            Consumed.with(Serdes.String(), Serdes.String()).withTimestampExtractor((record, before) -> record.timestamp());
        KTable<String, String> table = builder.table(o.get("right"), rows,
            Materialized.<String, String>as(Stores.persistentVersionedKeyValueStore("table", ms(o, "history")))
                .withKeySerde(Serdes.String()).withValueSerde(Serdes.String()));
        Joined<String, String, String> joined = Joined.with(Serdes.String(), Serdes.String(), Serdes.String(), "join", ms(o, "grace"));
        in.leftJoin(table, Reference::pair, joined).to(o.get("out"), produced);
      }
      case "inner", "left", "outer" -> {
        KStream<String, String> right = builder.stream(o.get("right"), consumed);
        JoinWindows within = JoinWindows.ofTimeDifferenceAndGrace(ms(o, "within"), ms(o, "grace"));
        if (o.containsKey("after")) within = within.after(ms(o, "after"));
        StreamJoined<String, String, String> joined = StreamJoined.with(Serdes.String(), Serdes.String(), Serdes.String());
        KStream<String, String> pairs = switch (topology) {
          case "inner" -> in.join(right, Reference::pair, within, joined);
          case "left" -> in.leftJoin(right, Reference::pair, within, joined);
          default -> in.outerJoin(right, Reference::pair, within, joined);
        };
        pairs.to(o.get("out"), produced);
      }
      default -> throw new IllegalArgumentException("topology " + topology);
    }

    KafkaStreams streams = new KafkaStreams(builder.build(), properties);
    streams.setStateListener((now, before) -> System.out.println(now));
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      Runtime.getRuntime().halt(1);
      return null;
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
    streams.start();
  }

  static Duration ms(Map<String, String> options, String name) {
    return Duration.ofMillis(Long.parseLong(options.get(name)));
  }

  /** One row for each change of a window, and one when it closes. */
  static void put(KTable<Windowed<String>, String> windows, Map<String, String> o, Produced<String, String> produced) {
    windows.toStream().map((window, sums) -> KeyValue.pair(window.key(), row(window, sums))).to(o.get("updates"), produced);
    windows.suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()))
        .toStream()
        .map((window, sums) -> KeyValue.pair(window.key(), row(window, sums)))
        .to(o.get("out"), produced);
  }
}
