# A Kafka Connect worker with MongoDB's sink, from the jars that `headwater up --stores` and the tests run.
FROM maven:3.9.11-eclipse-temurin-17 AS jars
COPY infra/local/kafka/connect.pom.xml /pom.xml
RUN mvn -B -q -f /pom.xml dependency:copy-dependencies -DoutputDirectory=/jars

FROM eclipse-temurin:17.0.16_8-jre
RUN apt-get update \
  && apt-get install -y --no-install-recommends curl \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --system connect
COPY --from=jars /jars /opt/connect
USER connect
ENTRYPOINT ["java", "-Xmx512m", "-cp", "/opt/connect/*", "org.apache.kafka.connect.cli.ConnectDistributed", "/etc/connect/worker.properties"]
