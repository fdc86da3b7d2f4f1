# tta-bench on CPUs: docker build -f docker/cpu.Dockerfile -t tta-bench:cpu .
FROM python:3.11-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
RUN python -m pip install --no-cache-dir uv
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY registry registry
COPY leaderboards leaderboards
COPY tta_bench tta_bench
RUN uv pip install --system --no-cache --torch-backend=cpu .
WORKDIR /bench
ENTRYPOINT ["tta-bench"]
CMD ["doctor"]
