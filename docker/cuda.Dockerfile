# tta-bench on CUDA devices (the packages bring CUDA; the host brings the driver): docker build -f docker/cuda.Dockerfile -t tta-bench:cuda .
FROM python:3.11-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY registry registry
COPY leaderboards leaderboards
COPY tta_bench tta_bench
RUN python -m pip install --no-cache-dir -c constraints.txt .
WORKDIR /bench
ENTRYPOINT ["tta-bench"]
CMD ["doctor"]
