#!/usr/bin/env python3
"""Runs Merlon's statements on Spark: started by `merlon fit --engine spark` and `merlon transform --engine spark`.

Reads one JSON command a line from standard input and answers each with one JSON line on standard output: {"ok": …} or {"error": "…"}. Its first
argument is JSON: {"master": "local[2]", "conf": {"spark.executor.memory": "8g"}}. Needs pyspark, pandas and pyarrow here and on the executors,
and Java 17 or 21.
"""
import glob
import json
import math
import os
import shutil
import sys

ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def answer(**fields):
    ANSWERS.write(json.dumps(fields) + "\n")
    ANSWERS.flush()


def stop(message):
    answer(error=message)
    sys.exit(1)


try:
    import numpy
    import pandas
    import pyarrow
    import pyarrow.parquet
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F
except ImportError as error:
    stop(f"{sys.executable} has no {error.name}. Type: {sys.executable} -m pip install pyspark pandas pyarrow")
if not shutil.which("java") and not os.path.exists(os.path.join(os.environ.get("JAVA_HOME", ""), "bin", "java")):
    stop("Spark needs Java 17 or 21, and there is no `java` here. Type: apt-get install openjdk-21-jre-headless (or set JAVA_HOME).")

SIZES = {"int8": "i1", "int16": "i2", "int32": "i4", "int64": "i8", "uint8": "i2", "uint16": "i4", "uint32": "i8",
         "float32": "f4", "float64": "f8", "bool": "bool"}


def hashes(values, dtype):
    """pandas' 64-bit hash, without an index; of no value all ones, of a float that is none NaN's."""
    if dtype == "string":
        texts = numpy.array(["" if v is None or v is pandas.NA or v != v else v for v in values], dtype=object)
        made = pandas.util.hash_array(texts, categorize=False)
        made[[v is None or v is pandas.NA or v != v for v in values]] = 2**64 - 1
        return made.view("i8")
    missing = numpy.array([v is None or v is pandas.NA for v in values], dtype=bool)
    empty = math.nan if dtype.startswith("float") else 0
    numbers = numpy.array([empty if m else v for v, m in zip(values, missing)], dtype=SIZES[dtype])
    made = pandas.util.hash_array(numbers, categorize=False)
    if not dtype.startswith("float"):
        made[missing] = 2**64 - 1
    return made.view("i8")


def register_hashes(spark):
    def of(dtype):
        def scalar(values: pandas.Series) -> pandas.Series:
            return pandas.Series(hashes(values.to_numpy(dtype=object), dtype))

        def lists(rows: pandas.Series) -> pandas.Series:
            return pandas.Series([None if row is None else hashes(row, dtype) for row in rows])

        return scalar, lists

    for dtype in [*SIZES, "string"]:
        scalar, lists = of(dtype)
        spark.udf.register(f"merlon_hash_{dtype}", F.pandas_udf(scalar, "bigint"))
        spark.udf.register(f"merlon_hashes_{dtype}", F.pandas_udf(lists, "array<bigint>"))


def read_ipc(path):
    with pyarrow.OSFile(path) as file:
        return pyarrow.ipc.open_file(file).read_all()


def cell(value, kind):
    if value is None:
        return None
    if kind in ("bigint",) or kind.startswith("decimal"):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


class Driver:
    def __init__(self, master, conf):
        builder = SparkSession.builder.appName("merlon").master(master)
        # Casts that lose a value are errors, times are UTC, dictionaries and texts are Arrow's plain ones.
        fixed = {
            "spark.sql.ansi.enabled": "true",
            "spark.sql.session.timeZone": "UTC",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.sql.execution.arrow.pyspark.enabled": "true",
            # Spark has no nanoseconds: it reads them as the numbers that they are.
            "spark.sql.legacy.parquet.nanosAsLong": "true",
        }
        # One machine has no use for the 200 tasks a shuffle that a cluster has.
        if master.startswith("local"):
            fixed["spark.sql.shuffle.partitions"] = "4"
        for name, value in {**fixed, **conf}.items():
            builder = builder.config(name, value)
        self.spark = builder.getOrCreate()
        self.spark.sparkContext.setLogLevel("ERROR")
        register_hashes(self.spark)
        self.spark.sparkContext.addPyFile(os.path.join(os.path.dirname(os.path.abspath(__file__)), "merlon_expressions.py"))

    def list(self, path):
        return sorted(self.spark.read.parquet(path).inputFiles())

    def types(self, file):
        found = {field.name: field.dataType.simpleString() for field in self.spark.read.parquet(file).schema.fields}
        return {**found, **{name: "timestamp_ns" for name in self.nanoseconds(file)}}

    def nanoseconds(self, file):
        """Columns that the file itself says hold nanoseconds."""
        jvm, conf = self.spark._jvm, self.spark.sparkContext._jsc.hadoopConfiguration()
        place = jvm.org.apache.parquet.hadoop.util.HadoopInputFile.fromPath(jvm.org.apache.hadoop.fs.Path(file), conf)
        reader = jvm.org.apache.parquet.hadoop.ParquetFileReader.open(place)
        try:
            fields = reader.getFooter().getFileMetaData().getSchema().getFields()
            return [field.getName() for field in fields if "(TIMESTAMP(NANOS," in str(field)]
        finally:
            reader.close()

    def open(self, files, view):
        """Columns of the files, and the position of each row: `merlon_r0` the file, `merlon_r1` the row in it."""
        frame = self.spark.read.option("mergeSchema", "false").parquet(*files)
        order = {os.path.abspath(name) if "://" not in name else name: i for i, name in enumerate(files)}
        plain = F.regexp_replace(F.col("_metadata.file_path"), "^file:(//)?", "")
        places = F.create_map(*[F.lit(part) for name, i in order.items() for part in (name, i)])
        frame = frame.select("*", places[F.url_decode(plain)].alias("merlon_r0"), F.col("_metadata.row_index").alias("merlon_r1"))
        frame.createOrReplaceTempView(view)
        return frame.count()

    def run(self, sql):
        self.spark.sql(sql)

    def rows(self, sql):
        frame = self.spark.sql(sql)
        kinds = [field.dataType.simpleString() for field in frame.schema.fields]
        return [[cell(value, kind) for value, kind in zip(row, kinds)] for row in frame.collect()]

    def arrow(self, sql, to):
        table = self.spark.sql(sql).toArrow().combine_chunks()
        with pyarrow.OSFile(to, "wb") as sink, pyarrow.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=max(1, table.num_rows))
        return table.num_rows

    def table(self, name, file):
        self.spark.createDataFrame(read_ipc(file)).createOrReplaceTempView(name)

    def places(self, name, file, column):
        known = self.spark.sparkContext.broadcast({v: i for i, v in enumerate(read_ipc(file).column(column).to_pylist())})

        def find(rows: pandas.Series) -> pandas.Series:
            return pandas.Series([None if row is None else [known.value.get(v) for v in row.tolist()] for row in rows])

        self.spark.udf.register(name, F.pandas_udf(find, "array<int>"))

    def expression(self, name, expression, columns, dtype, type):
        from merlon_expressions import expression_rows

        def run(*cells: pandas.Series) -> pandas.Series:
            return pandas.Series(expression_rows(expression, columns, dtype)(*cells), dtype=object)

        self.spark.udf.register(name, F.pandas_udf(run, type))

    def write(self, sql, to, files):
        frame = self.spark.sql(sql)
        if files:
            frame = frame.repartition(files)
        frame.write.mode("overwrite").parquet(to)
        written = sorted(glob.glob(os.path.join(glob.escape(to), "*.parquet")))
        return {"files": written, "rows": sum(pyarrow.parquet.read_metadata(file).num_rows for file in written)}


def main():
    given = json.loads(sys.argv[1])
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1" if given["master"].startswith("local") else "")
    if not os.environ["SPARK_LOCAL_IP"]:
        del os.environ["SPARK_LOCAL_IP"]
    try:
        driver = Driver(given["master"], given.get("conf", {}))
    except Exception as error:
        stop(f"Spark did not start on `{given['master']}`: {str(error).strip().splitlines()[0]}")
    answer(ok="ready")
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer(ok=getattr(driver, command.pop("do"))(**command))
        except Exception as error:
            text = str(getattr(error, "desc", None) or error).strip()
            answer(error=text.split("\n\n")[0].split("\nJVM stacktrace")[0])
    driver.spark.stop()


if __name__ == "__main__":
    main()
